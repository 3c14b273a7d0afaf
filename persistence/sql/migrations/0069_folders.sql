-- Folders of files. What goes into the trash with a folder knows with which, and comes back with it.
CREATE TABLE folders (
    id           text COLLATE "C" PRIMARY KEY,
    owner_id     text COLLATE "C" NOT NULL,
    parent_id    text COLLATE "C", -- NULL: at the top
    name         text NOT NULL,
    created_at   bigint NOT NULL,
    updated_at   bigint NOT NULL,
    trashed_at   bigint,
    trashed_with text COLLATE "C"
);
CREATE INDEX folders_top ON folders (owner_id, id) WHERE parent_id IS NULL AND trashed_at IS NULL;
CREATE INDEX folders_in ON folders (parent_id, id) WHERE trashed_at IS NULL;
CREATE INDEX folders_trash ON folders (owner_id, id) WHERE trashed_with = id;
CREATE INDEX folders_with ON folders (trashed_with) WHERE trashed_with IS NOT NULL;
CREATE INDEX folders_to_empty ON folders (trashed_at) WHERE trashed_at IS NOT NULL;
CREATE INDEX folders_of ON folders (owner_id);

ALTER TABLE files ADD COLUMN folder_id text COLLATE "C";
ALTER TABLE files ADD COLUMN trashed_with text COLLATE "C";
CREATE INDEX files_in ON files (folder_id, id) WHERE folder_id IS NOT NULL;
CREATE INDEX files_top ON files (owner_id, id) WHERE folder_id IS NULL AND trashed_at IS NULL;
CREATE INDEX files_with ON files (trashed_with) WHERE trashed_with IS NOT NULL;

ALTER TABLE uploads ADD COLUMN folder_id text COLLATE "C";
