-- What the server of schema version 1 left behind after an orderly stop: a dump of its file, and the two numbers in the
-- header that a dump leaves out. Opening it with a later server must keep everything.
PRAGMA application_id = 0x54616368;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE log (
    log_id         INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant         TEXT NOT NULL,
    channel        TEXT NOT NULL,
    epoch          TEXT NOT NULL,
    base_seq       INTEGER NOT NULL,
    base_tag       TEXT NOT NULL,
    head_seq       INTEGER NOT NULL,
    head_tag       TEXT NOT NULL,
    byte_count     INTEGER NOT NULL,
    appended_at_ms INTEGER NOT NULL,
    max_age_ms     INTEGER NOT NULL,
    expires_at_ms  INTEGER,
    UNIQUE (tenant, channel)
  ) STRICT;
INSERT INTO log VALUES(1,'acme','chat:1','5ri7da',0,'0',5,'cf03r',134,1760000000003,1000000000000,2760000000000);
INSERT INTO log VALUES(2,'other','chat:1','b6mc1o',0,'0',1,'bc44w',16,1760000000000,1000000000000,2760000000000);
INSERT INTO log VALUES(3,'acme','trimmed','4jnwyu',3,'zktfn',5,'smt5z',2,1760000000004,1000000000000,2760000000003);
INSERT INTO log VALUES(4,'acme','emptied','qyh8ls',1,'vqnzl',1,'vqnzl',0,1760000000000,1000,NULL);
INSERT INTO log VALUES(5,'acme','opened','u6jhi6',0,'0',0,'0',0,1760000000000,0,NULL);
CREATE TABLE piece (
    log_id     INTEGER NOT NULL,
    last_seq   INTEGER NOT NULL,
    first_seq  INTEGER NOT NULL,
    last_tag   TEXT NOT NULL,
    byte_count INTEGER NOT NULL,
    time_ms    INTEGER NOT NULL,
    head       TEXT NOT NULL,
    bodies     TEXT NOT NULL,
    PRIMARY KEY (log_id, last_seq)
  ) STRICT;
INSERT INTO piece VALUES(1,2,1,'g8jq9',29,1760000000000,'[["message",null,"phone",null,"g8jq9",[1760000000000,1,23]],["message",null,null,["s9"],"g8jq9",[1760000000000,1,1]]]','{"text":"hé 日本 \u0000"}2');
INSERT INTO piece VALUES(1,5,3,'cf03r',105,1760000000003,'[["chunk","e1",null,null,"jaz8v 2wjmo cf03r",[1760000000001,1,35,1760000000002,1,35,1760000000003,1,35]]]','{"type":"text-delta","delta":"w1 "}{"type":"text-delta","delta":"w2 "}{"type":"text-delta","delta":"w3 "}');
INSERT INTO piece VALUES(2,1,1,'bc44w',16,1760000000000,'[["message",null,null,null,"bc44w",[1760000000000,1,16]]]','"another tenant"');
INSERT INTO piece VALUES(3,4,4,'xum0m',1,1760000000003,'[["message",null,null,null,"xum0m",[1760000000003,1,1]]]','3');
INSERT INTO piece VALUES(3,5,5,'smt5z',1,1760000000004,'[["message",null,null,null,"smt5z",[1760000000004,1,1]]]','4');
INSERT INTO piece VALUES(6,1,1,'9fh60',9,1760000000000,'[["message",null,null,null,"9fh60",[1760000000000,1,9]]]','"dropped"');
CREATE TABLE idempotency (
    log_id          INTEGER NOT NULL,
    idempotency_key TEXT NOT NULL,
    first_seq       INTEGER NOT NULL,
    last_seq        INTEGER NOT NULL,
    tag             TEXT NOT NULL,
    time_ms         INTEGER NOT NULL,
    PRIMARY KEY (log_id, idempotency_key)
  ) STRICT, WITHOUT ROWID;
INSERT INTO idempotency VALUES(1,'k1',1,2,'g8jq9',1760000000000);
CREATE TABLE dropped_log (log_id INTEGER PRIMARY KEY) STRICT;
INSERT INTO dropped_log VALUES(6);
CREATE TABLE session (
    tenant        TEXT NOT NULL,
    session_id    TEXT NOT NULL,
    subject       TEXT NOT NULL,
    client_id     TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    positions     TEXT NOT NULL,
    PRIMARY KEY (tenant, session_id)
  ) STRICT, WITHOUT ROWID;
INSERT INTO session VALUES('acme','s1','ada','phone',1760000000000,1760086400000,'{"chat:1":"000001.4.00004"}');
CREATE TABLE receipt (
    tenant        TEXT NOT NULL,
    client_id     TEXT NOT NULL,
    command_id    TEXT NOT NULL,
    status        TEXT NOT NULL,
    execution_id  TEXT NOT NULL,
    channel       TEXT NOT NULL,
    error_code    TEXT,
    expires_at_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, client_id, command_id)
  ) STRICT, WITHOUT ROWID;
INSERT INTO receipt VALUES('acme','phone','c1','rejected','e1','chat:1','EXECUTION_ENDED',1760086400000);
CREATE TABLE lease (
    name          TEXT PRIMARY KEY,
    owner         TEXT NOT NULL,
    token         INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    body          TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
INSERT INTO lease VALUES('execution:e1','node-a',1,1760000015000,'{"channel":"chat:1"}');
CREATE TABLE lease_counter (last_token INTEGER NOT NULL) STRICT;
INSERT INTO lease_counter VALUES(2);
CREATE TABLE last_run (durability TEXT NOT NULL, boot_id TEXT NOT NULL, is_clean INTEGER NOT NULL) STRICT;
INSERT INTO last_run VALUES('power-loss','b1',1);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('log',6);
CREATE INDEX log_by_expiry ON log (expires_at_ms) WHERE expires_at_ms IS NOT NULL;
CREATE INDEX log_by_idleness ON log (appended_at_ms) WHERE expires_at_ms IS NULL;
CREATE INDEX idempotency_by_time ON idempotency (time_ms);
CREATE INDEX session_by_expiry ON session (expires_at_ms);
CREATE INDEX receipt_by_expiry ON receipt (expires_at_ms);
CREATE INDEX lease_by_expiry ON lease (expires_at_ms);
COMMIT;
