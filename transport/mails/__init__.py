"""What mails say: for each kind a text, whose first line is the subject, and a page."""
