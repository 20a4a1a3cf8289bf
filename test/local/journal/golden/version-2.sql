CREATE TABLE streams (
     id INTEGER PRIMARY KEY,
     tenant TEXT NOT NULL,
     entity TEXT NOT NULL,
     name TEXT NOT NULL,
     UNIQUE (tenant, entity, name)
   ) STRICT;
CREATE TABLE records (
     position INTEGER PRIMARY KEY AUTOINCREMENT,
     stream INTEGER NOT NULL,
     sequence INTEGER NOT NULL,
     id TEXT NOT NULL,
     previous TEXT NOT NULL,
     time INTEGER NOT NULL,
     version INTEGER NOT NULL,
     entries TEXT NOT NULL,
     UNIQUE (stream, sequence)
   ) STRICT;
CREATE TABLE keys (
     stream INTEGER NOT NULL,
     hash TEXT NOT NULL,
     sequence INTEGER NOT NULL,
     PRIMARY KEY (stream, hash)
   ) STRICT, WITHOUT ROWID;
CREATE TABLE snapshots (
     stream INTEGER PRIMARY KEY,
     horizon_foreign INTEGER NOT NULL,
     horizon_derived INTEGER NOT NULL,
     sequence INTEGER NOT NULL,
     revision INTEGER NOT NULL,
     body TEXT NOT NULL
   ) STRICT;
CREATE TABLE consumers (
     name TEXT PRIMARY KEY,
     position INTEGER NOT NULL,
     owner TEXT NOT NULL,
     until INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
CREATE TABLE replays (
     id TEXT PRIMARY KEY,
     subscription TEXT NOT NULL,
     entity TEXT,
     since INTEGER,
     again INTEGER NOT NULL,
     created INTEGER NOT NULL,
     through INTEGER NOT NULL,
     handled INTEGER NOT NULL DEFAULT 0,
     skipped INTEGER NOT NULL DEFAULT 0,
     finished INTEGER
   ) STRICT, WITHOUT ROWID;
CREATE TABLE messages (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     consumer TEXT NOT NULL,
     stream INTEGER NOT NULL DEFAULT 0,
     sequence INTEGER,
     n INTEGER,
     name TEXT,
     armed INTEGER NOT NULL DEFAULT 0,
     parked INTEGER NOT NULL DEFAULT 0,
     body TEXT,
     attributes TEXT,
     again TEXT,
     created INTEGER NOT NULL,
     attempts INTEGER,
     since INTEGER,
     due INTEGER,
     reason TEXT
   ) STRICT;
CREATE INDEX messages_due ON messages (consumer, parked, due) WHERE due IS NOT NULL;
CREATE INDEX messages_dead ON messages (consumer, id) WHERE due IS NULL;
CREATE UNIQUE INDEX messages_armed ON messages (consumer, stream, name) WHERE armed = 1;
CREATE UNIQUE INDEX messages_parked ON messages (consumer, stream) WHERE parked = 1;
CREATE INDEX messages_stream ON messages (stream) WHERE stream > 0;
INSERT INTO streams (id, tenant, entity, name) VALUES (1, 'default', 'cart', 'c 1');
INSERT INTO streams (id, tenant, entity, name) VALUES (2, 't2', 'order', '🧺');
INSERT INTO records (position, stream, sequence, id, previous, time, version, entries) VALUES (1, 1, 1, '0000000000000000000a', '', 1767225600001, 1, '[{"id":"0000000000000000000a","command":"add","key":"kkkkkkkkkkkkkkkkkkkkk1","fp":"ffffffffffffffffffffff","events":[{"type":"added","data":{"text":"é\"\\\n"}}]}]');
INSERT INTO records (position, stream, sequence, id, previous, time, version, entries) VALUES (2, 1, 2, '0000000000000000000b', '0000000000000000000a', 1767225600002, 2, '[{"id":"0000000000000000000b","command":"add","key":"kkkkkkkkkkkkkkkkkkkkk2","fp":"ffffffffffffffffffffff","events":[{"type":"added","data":{"text":"é\"\\\n"}}],"timers":[{"name":"t","at":1767225600009,"command":"add"}]}]');
INSERT INTO records (position, stream, sequence, id, previous, time, version, entries) VALUES (3, 1, 3, '0000000000000000000c', '0000000000000000000b', 1767225600003, 3, '[{"id":"0000000000000000000c","command":"add","key":"kkkkkkkkkkkkkkkkkkkkk3","fp":"ffffffffffffffffffffff","events":[{"type":"added","data":{"text":"é\"\\\n"}}],"messages":[{"entity":"order","id":"o","command":"open"}]}]');
INSERT INTO records (position, stream, sequence, id, previous, time, version, entries) VALUES (4, 2, 1, '0000000000000000000a', '', 1767225600001, 1, '[{"id":"0000000000000000000a","command":"add","key":"kkkkkkkkkkkkkkkkkkkkk1","fp":"ffffffffffffffffffffff","events":[{"type":"added","data":{"text":"é\"\\\n"}}]}]');
INSERT INTO keys (stream, hash, sequence) VALUES (1, 'kkkkkkkkkkkkkkkkkkkkk1', 1);
INSERT INTO keys (stream, hash, sequence) VALUES (1, 'kkkkkkkkkkkkkkkkkkkkk2', 2);
INSERT INTO snapshots (stream, horizon_foreign, horizon_derived, sequence, revision, body) VALUES (1, 5, 6, 2, 1, '{"record":"0000000000000000000b","version":2,"time":1767225600002,"state":{"n":1},"keys":{"foreign":[{"from":1,"to":2,"oldest":1767225600001,"newest":1767225600002,"count":2}],"derived":[]},"events":{"added":1}}');
INSERT INTO consumers (name, position, owner, until) VALUES ('queue:q', 4, 'o', 1767225605000);
INSERT INTO consumers (name, position, owner, until) VALUES ('subscription:s', 2, 'o', 1767225605000);
INSERT INTO replays (id, subscription, entity, since, again, created, through, handled, skipped, finished) VALUES ('r1', 's', 'cart', 1767225600000, 1, 1767225600000, 4, 0, 0, NULL);
INSERT INTO messages (id, consumer, stream, sequence, n, name, armed, parked, body, attributes, again, created, attempts, since, due, reason) VALUES (1, 'queue:q', 0, NULL, NULL, 'm1', 0, 0, '{"n":1}', '{"a":"1"}', NULL, 1767225600000, 10, 1767225599995, NULL, '{"code":"thrown","message":"it broke"}');
INSERT INTO messages (id, consumer, stream, sequence, n, name, armed, parked, body, attributes, again, created, attempts, since, due, reason) VALUES (2, 'queue:q', 0, NULL, NULL, 'm2', 0, 0, '2', NULL, NULL, 1767225600000, NULL, NULL, 1767225600000, NULL);
INSERT INTO messages (id, consumer, stream, sequence, n, name, armed, parked, body, attributes, again, created, attempts, since, due, reason) VALUES (3, 'subscription:s', 1, 1, 1, NULL, 0, 1, NULL, NULL, NULL, 1767225600050, 2, 1767225600000, 1767225600050, NULL);
INSERT INTO messages (id, consumer, stream, sequence, n, name, armed, parked, body, attributes, again, created, attempts, since, due, reason) VALUES (4, 'subscription:s', 2, 1, 1, NULL, 0, 0, NULL, NULL, NULL, 1767225600000, 1, 1767225600000, NULL, '{"code":"forbidden","message":"no"}');
INSERT INTO messages (id, consumer, stream, sequence, n, name, armed, parked, body, attributes, again, created, attempts, since, due, reason) VALUES (5, 'subscription:s', 1, 2, NULL, 't', 1, 0, NULL, NULL, NULL, 1767225600000, NULL, NULL, 1767225600009, NULL);
PRAGMA application_id = 1213156420;
PRAGMA user_version = 2;
