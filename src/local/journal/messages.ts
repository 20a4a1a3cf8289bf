import type { DatabaseSync } from "node:sqlite";
import type {
  Change,
  Claim,
  DeadLetter,
  Due,
  Held,
  ParkedLane,
  QueuedMessage,
  Reason,
  Replay,
  ReplayRequest,
  Taken,
} from "../../core/delivery/port.ts";
import type { Failures } from "../../core/messaging/policy.ts";
import type { Streams } from "./streams.ts";

/** What waits to be delivered, as rows. Functions that change something run inside a transaction. */
export interface MessageRows {
  take(consumer: string, claim: Claim): Taken | Held;
  /** Answers without a transaction where somebody else has it. */
  heldBy(consumer: string, claim: Claim): Held | undefined;
  settle(consumer: string, owner: string, position: number, until: number, changes: readonly Change[]): boolean;
  due(consumer: string, now: number, limit: number): Due;
  send(consumer: string, message: Pick<QueuedMessage, "name" | "body" | "attributes" | "created">): void;
  dead(consumer: string | undefined, after: number, limit: number): readonly DeadLetter[];
  redrive(id: number, now: number): boolean;
  drop(id: number): boolean;
  consumers(): readonly string[];
  addReplay(request: ReplayRequest): void;
  replays(which: "unfinished" | undefined): readonly Replay[];
  /** The stream was erased. */
  blank(stream: number): void;
}

type Row = Readonly<Record<string, unknown>>;

const columns = `m.id, m.stream, m.sequence, m.n, m.name, m.body, m.attributes, m.again, m.created, m.attempts, m.since,
  s.tenant, s.entity, s.name AS subject`;

export function createMessageRows(db: DatabaseSync, streams: Streams): MessageRows {
  const sql = prepareMessages(db);

  function take(consumer: string, claim: Claim): Taken | Held {
    const held = heldBy(consumer, claim);
    if (held) return held;
    const { owner, until, start } = claim;
    const found = sql.consumer.get(consumer);
    if (!found) {
      const position = start === "now" ? Number(sql.head.get()?.["position"] ?? 0) : 0;
      sql.addConsumer.run(consumer, position, owner, until);
      return { kind: "taken", kept: false, position, parked: [] };
    }
    sql.own.run(owner, until, consumer);
    const position = Number(found["position"]);
    const parked = sql.parked.all(position, consumer).map(parkedLane);
    return { kind: "taken", kept: found["owner"] === owner, position, parked };
  }

  function heldBy(consumer: string, { owner, now, longest }: Claim): Held | undefined {
    const found = sql.consumer.get(consumer);
    const heldUntil = Number(found?.["until"] ?? 0);
    if (!found || found["owner"] === owner || heldUntil <= now || heldUntil > longest) return undefined;
    return { kind: "held", until: heldUntil, position: Number(found["position"]) };
  }

  function apply(consumer: string, change: Change): void {
    switch (change.kind) {
      case "park": {
        const { at, failures, due } = change;
        const stream = streams.findOrInsert(at.stream).number;
        sql.park.run(
          consumer,
          stream,
          at.sequence,
          at.n,
          due,
          failures?.attempts ?? null,
          failures?.since ?? null,
          due,
        );
        break;
      }
      case "unpark":
        sql.unpark.run(consumer, streams.findOrInsert(change.stream).number);
        break;
      case "delete":
        if (change.sequence === undefined) sql.delete.run(change.id);
        else sql.deleteIf.run(change.id, change.sequence);
        break;
      case "postpone": {
        const { id, due, failures, body = null, sequence = null } = change;
        sql.postpone.run(due, failures?.attempts ?? null, failures?.since ?? null, body, id, sequence, sequence);
        break;
      }
      case "bury":
        sql.bury.run(
          change.failures.attempts,
          change.failures.since,
          JSON.stringify(change.reason),
          change.id,
          change.sequence ?? null,
          change.sequence ?? null,
        );
        sql.blankErasedOf.run(change.id);
        break;
      case "dead": {
        const { message, failures, reason } = change;
        const {
          stream,
          sequence = null,
          n = null,
          name = null,
          body = null,
          attributes = null,
          again = null,
        } = message;
        const number = stream ? streams.findOrInsert(stream).number : 0;
        const of = change.consumer ?? consumer;
        const why = [failures.attempts, failures.since, JSON.stringify(reason)] as const;
        if (sql.deadAgain.run(...why, of, number, sequence, n, again).changes > 0) break;
        sql.addDead.run(of, number, sequence, n, name, body, attributes, again, message.created, ...why);
        sql.blankErased.run(number);
        break;
      }
      case "arm": {
        const { name, stream, due, sequence, now } = change;
        sql.arm.run(consumer, streams.findOrInsert(stream).number, name, sequence, now, due);
        break;
      }
      case "plan":
        sql.plan.run(consumer, change.name, change.body, change.now, change.due);
        break;
      case "disarm":
        sql.disarm.run(consumer, streams.findOrInsert(change.stream).number);
        break;
      case "replayed": {
        const { id, handled = 0, skipped = 0, finished = null } = change;
        sql.replayed.run(handled, skipped, finished, id);
      }
    }
  }

  return {
    take,
    heldBy,
    settle(consumer, owner, position, until, changes) {
      if (sql.advance.run(position, until, consumer, owner).changes === 0) return false;
      for (const change of changes) apply(consumer, change);
      return true;
    },
    due(consumer, now, limit) {
      const messages = sql.due.all(consumer, now, limit).map(queuedMessage);
      const next = sql.nextDue.get(consumer, now)?.["due"];
      const parked = sql.nextParked.get(consumer)?.["due"];
      return {
        messages,
        nextAt: typeof next === "number" ? next : undefined,
        parkedAt: typeof parked === "number" ? parked : undefined,
      };
    },
    send(consumer, { name = null, body = null, attributes = null, created }) {
      sql.send.run(consumer, name, body, attributes, created, created);
    },
    dead: (consumer, after, limit) =>
      (consumer === undefined ? sql.dead.all(after, limit) : sql.deadOf.all(consumer, after, limit)).map((row) => ({
        ...queuedMessage(row),
        consumer: String(row["consumer"]),
        failures: failuresOf(row) ?? { attempts: 0, since: 0 },
        // Written by `bury` and `dead`.
        reason: JSON.parse(String(row["reason"])) as Reason,
      })),
    redrive: (id, now) => sql.redrive.run(now, id).changes === 1,
    drop: (id) => sql.drop.run(id).changes === 1,
    consumers: () => sql.consumers.all().map((row) => String(row["name"])),
    addReplay({ id, subscription, entity = null, since = null, again, created }) {
      sql.addReplay.run(id, subscription, entity, since, again ? 1 : 0, created);
    },
    replays: (which) => sql.replays.all(which === undefined ? 1 : 0).map(replayOf),
    blank: (stream) => void sql.blankReasons.run(stream),
  };
}

function queuedMessage(row: Row): QueuedMessage {
  const failures = failuresOf(row);
  return {
    id: Number(row["id"]),
    created: Number(row["created"]),
    ...(row["subject"] != null && {
      stream: { tenant: String(row["tenant"]), entity: String(row["entity"]), id: String(row["subject"]) },
    }),
    ...(row["sequence"] != null && { sequence: Number(row["sequence"]) }),
    ...(row["n"] != null && { n: Number(row["n"]) }),
    ...(row["name"] != null && { name: String(row["name"]) }),
    ...(row["body"] != null && { body: String(row["body"]) }),
    ...(row["attributes"] != null && { attributes: String(row["attributes"]) }),
    ...(row["again"] != null && { again: String(row["again"]) }),
    ...(failures && { failures }),
  };
}

function replayOf(row: Row): Replay {
  return {
    id: String(row["id"]),
    subscription: String(row["subscription"]),
    ...(row["entity"] != null && { entity: String(row["entity"]) }),
    ...(row["since"] != null && { since: Number(row["since"]) }),
    again: row["again"] === 1,
    created: Number(row["created"]),
    through: Number(row["through"]),
    position: Number(row["position"]),
    handled: Number(row["handled"]),
    skipped: Number(row["skipped"]),
    ...(row["finished"] != null && { finished: Number(row["finished"]) }),
  };
}

function failuresOf(row: Row): Failures | undefined {
  return row["since"] == null ? undefined : { attempts: Number(row["attempts"]), since: Number(row["since"]) };
}

function parkedLane(row: Row): ParkedLane {
  return {
    at: {
      stream: { tenant: String(row["tenant"]), entity: String(row["entity"]), id: String(row["subject"]) },
      sequence: Number(row["sequence"]),
      n: Number(row["n"]),
    },
    through: Number(row["through"]),
    failures: failuresOf(row),
    due: Number(row["due"]),
  };
}

function prepareMessages(db: DatabaseSync) {
  const isErased =
    "EXISTS (SELECT 1 FROM snapshots s WHERE s.stream = messages.stream AND s.revision = 9007199254740991)";
  const from = "FROM messages m LEFT JOIN streams s ON s.id = m.stream";
  return {
    consumer: db.prepare("SELECT position, owner, until FROM consumers WHERE name = ?"),
    consumers: db.prepare("SELECT name FROM consumers ORDER BY name"),
    head: db.prepare("SELECT max(position) AS position FROM records"),
    addConsumer: db.prepare("INSERT INTO consumers (name, position, owner, until) VALUES (?, ?, ?, ?)"),
    own: db.prepare("UPDATE consumers SET owner = ?, until = ? WHERE name = ?"),
    advance: db.prepare("UPDATE consumers SET position = ?, until = ? WHERE name = ? AND owner = ?"),
    parked: db.prepare(
      `SELECT ${columns}, m.due, ifnull((SELECT r.sequence FROM records r WHERE r.stream = m.stream AND r.position <= ?
         ORDER BY r.sequence DESC LIMIT 1), 0) AS through
       ${from} WHERE m.consumer = ? AND m.parked = 1`,
    ),
    park: db.prepare(
      `INSERT INTO messages (consumer, stream, sequence, n, parked, created, attempts, since, due) VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?)
       ON CONFLICT (consumer, stream) WHERE parked = 1 DO UPDATE SET
         sequence = excluded.sequence, n = excluded.n, attempts = excluded.attempts, since = excluded.since, due = excluded.due`,
    ),
    unpark: db.prepare("DELETE FROM messages WHERE consumer = ? AND stream = ? AND parked = 1"),
    delete: db.prepare("DELETE FROM messages WHERE id = ?"),
    deleteIf: db.prepare("DELETE FROM messages WHERE id = ? AND sequence = ?"),
    postpone: db.prepare(
      `UPDATE messages SET due = ?, attempts = ?, since = ?, body = ifnull(?, body)
       WHERE id = ? AND (? IS NULL OR sequence = ?)`,
    ),
    bury: db.prepare(
      `UPDATE messages SET due = NULL, armed = 0, attempts = ?, since = ?, reason = ?
       WHERE id = ? AND (? IS NULL OR sequence = ?)`,
    ),
    deadAgain: db.prepare(
      `UPDATE messages SET attempts = ?, since = ?, reason = ?
       WHERE consumer = ? AND stream = ? AND stream > 0 AND sequence = ? AND n = ? AND again IS ? AND due IS NULL`,
    ),
    addDead: db.prepare(
      `INSERT INTO messages (consumer, stream, sequence, n, name, body, attributes, again, created, attempts, since, reason)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    arm: db.prepare(
      `INSERT INTO messages (consumer, stream, name, sequence, armed, created, due) VALUES (?, ?, ?, ?, 1, ?, ?)
       ON CONFLICT (consumer, stream, name) WHERE armed = 1 DO UPDATE SET
         due = min(due, excluded.due), sequence = excluded.sequence, attempts = NULL, since = NULL`,
    ),
    plan: db.prepare(
      `INSERT INTO messages (consumer, name, body, armed, created, due) VALUES (?, ?, ?, 1, ?, ?)
       ON CONFLICT (consumer, stream, name) WHERE armed = 1 DO UPDATE SET due = excluded.due, body = excluded.body
       WHERE since IS NULL AND excluded.due < due`,
    ),
    disarm: db.prepare("DELETE FROM messages WHERE consumer = ? AND stream = ? AND due IS NOT NULL"),
    due: db.prepare(
      `SELECT ${columns} ${from} WHERE m.consumer = ? AND m.parked = 0 AND m.due <= ? ORDER BY m.due, m.id LIMIT ?`,
    ),
    nextDue: db.prepare("SELECT min(due) AS due FROM messages WHERE consumer = ? AND parked = 0 AND due > ?"),
    nextParked: db.prepare(
      "SELECT min(due) AS due FROM messages WHERE consumer = ? AND parked = 1 AND due IS NOT NULL",
    ),
    send: db.prepare("INSERT INTO messages (consumer, name, body, attributes, created, due) VALUES (?, ?, ?, ?, ?, ?)"),
    dead: db.prepare(
      `SELECT ${columns}, m.consumer, m.reason ${from} WHERE m.due IS NULL AND m.id > ? ORDER BY m.id LIMIT ?`,
    ),
    deadOf: db.prepare(
      `SELECT ${columns}, m.consumer, m.reason ${from} WHERE m.consumer = ? AND m.due IS NULL AND m.id > ? ORDER BY m.id LIMIT ?`,
    ),
    redrive: db.prepare(
      "UPDATE messages SET due = ?, attempts = NULL, since = NULL, reason = NULL WHERE id = ? AND due IS NULL",
    ),
    drop: db.prepare("DELETE FROM messages WHERE id = ? AND due IS NULL"),
    replayed: db.prepare(
      "UPDATE replays SET handled = handled + ?, skipped = skipped + ?, finished = ifnull(?, finished) WHERE id = ?",
    ),
    addReplay: db.prepare(
      `INSERT INTO replays (id, subscription, entity, since, again, created, through)
       VALUES (?, ?, ?, ?, ?, ?, ifnull((SELECT max(position) FROM records), 0))`,
    ),
    replays: db.prepare(
      `SELECT r.*, ifnull(c.position, 0) AS position FROM replays r LEFT JOIN consumers c ON c.name = 'replay:' || r.id
       WHERE finished IS NULL OR ? = 1 ORDER BY created, id`,
    ),
    // A handler that ran while its stream was erased may have put what it saw into its error.
    blankErased: db.prepare(
      `UPDATE messages SET reason = '{"code":"erased","message":""}'
       WHERE stream = ? AND reason IS NOT NULL AND ${isErased}`,
    ),
    blankErasedOf: db.prepare(
      `UPDATE messages SET reason = '{"code":"erased","message":""}' WHERE id = ? AND ${isErased}`,
    ),
    blankReasons: db.prepare(
      `UPDATE messages SET reason = '{"code":"erased","message":""}' WHERE stream = ? AND reason IS NOT NULL`,
    ),
  };
}
