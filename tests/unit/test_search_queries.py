"""What is looked for, as it is typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamhub.domain.errors import Refused
from streamhub.domain.retention import DAY_MS
from streamhub.domain.search import FILTERS, Query, Term, parsed, words_of


def test_words_phrases_and_what_is_not_wanted() -> None:
    query = parsed('release "of the day"  -draft -"not this"')
    terms = (
        Term("release"),
        Term("of the day"),
        Term("draft", negated=True),
        Term("not this", negated=True),
    )
    assert query == Query(alternatives=(terms,))
    assert query.websearch == '"release" "of the day" -"draft" -"not this"'


def test_or_parts_what_belongs_together() -> None:
    query = parsed('or a b OR c or or "or"')
    assert query.alternatives == ((Term("a"), Term("b")), (Term("c"),), (Term("or"),))
    assert query.websearch == '"a" "b" or "c" or "or"'


def test_filters() -> None:
    query = parsed(
        'from:@Ann from:bob in:#General in:"my room" after:1970-01-02 after:1970-01-03'
        " BEFORE:2026-01-31 has:File has:link"
    )
    assert query == Query(
        handles=frozenset(("ann", "bob")),
        channels=frozenset(("general", "my room")),
        after=2 * DAY_MS,
        before=1_769_817_600_000,
        having=frozenset(("file", "link")),
    )


def test_punctuation_parts_words_and_an_address_is_no_filter() -> None:
    assert parsed("https://example.com/a_b 12:30").alternatives == (
        (Term("https example com a b"), Term("12 30")),
    )
    assert words_of("Crème-brûlée, ÉTÉ; 12:30!") == ["creme", "brulee", "ete", "12", "30"]


def test_a_phrase_that_is_not_closed_ends_with_the_text() -> None:
    assert parsed('"a b').alternatives == ((Term("a b"),),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no word"),
        ("  -- ... or", "no word"),
        ("by:ann", "no filter by"),
        ("-from:ann", "cannot be negated"),
        ("from:@", "takes a name"),
        ("in:", "takes a name"),
        ("after:yesterday", "written like"),
        ("before:2026-02-30", "written like"),
        ("before:20260130", "written like"),
        ("has:fun", "file or link"),
        ('"a ' + "b" * 151 + '"', "at most 150"),
    ],
)
def test_what_cannot_be_looked_for_is_said(text: str, said: str) -> None:
    with pytest.raises(Refused, match=said) as refused:
        parsed(text)
    assert (refused.value.code, refused.value.field) == ("bad_request", "query")


_LIKELY = st.sampled_from(['"', "-", ":", "or", " ", "@", "2026-01-31", "é", "//", *FILTERS, "x"])


@given(st.lists(_LIKELY | st.text(max_size=5), max_size=20).map("".join))
def test_any_text_is_a_query_or_a_named_problem(text: str) -> None:
    query = problem = None
    try:
        query = parsed(text)
    except Refused as refused:
        problem = refused
    if query is None:
        assert problem is not None
        assert (problem.code, problem.field) == ("bad_request", "query")
        return
    assert query != Query()
    terms = [term for terms in query.alternatives for term in terms]
    assert all(terms for terms in query.alternatives)
    assert query.websearch.count('"') == 2 * len(terms)
    assert all(term.text == " ".join(term.text.split()) for term in terms)


@given(st.lists(st.from_regex(r"\A[a-z]{1,8}\Z").filter(lambda w: w != "or"), min_size=1))
def test_plain_words_are_looked_for_as_they_are(words: list[str]) -> None:
    assert parsed(" ".join(words)).alternatives == (tuple(map(Term, words)),)
    assert parsed(f'"{" ".join(words)}"').alternatives == ((Term(" ".join(words)),),)
    assert words_of(" ".join(words).upper()) == words
