// The process that crashes: the app as `runLocal` serves it, in fast time.

import { DatabaseSync } from "node:sqlite";
import { isHoldfastError } from "holdfast";
import { serve } from "holdfast/local";
import { crashApp, type Outside } from "../app.ts";
import { perform, report } from "../recorder.ts";
import { speed, speedUp } from "./clock.ts";

export interface ChildOptions {
  readonly data: string;
  readonly recorder: string;
  /** Fast time begins here, epoch milliseconds. */
  readonly origin: number;
}

/** What the parent wants: a job in the queue, or that the file grows no further. */
export type Question =
  | { readonly kind: "job"; readonly job: string }
  | { readonly kind: "bound"; readonly isFull: boolean };

export interface Asked {
  readonly n: number;
  readonly question: Question;
}

export type Said =
  | { readonly kind: "ready"; readonly port: number }
  | { readonly kind: "done"; readonly n: number; readonly ok: boolean };

async function run({ data, recorder, origin }: ChildOptions): Promise<void> {
  const realTimeout = setTimeout;
  const say = (said: Said): void => void process.send?.(said);
  speedUp(origin, speed);
  const boundFiles = watchDatabases();
  // A file that may not grow: then the write fails (EFBIG) instead of ending the process.
  process.on("SIGXFSZ", () => {});
  // Nobody is left to end it.
  process.on("disconnect", () => process.exit());
  const services: Outside = {
    see: (sighting) => report(recorder, sighting),
    perform: (deed) => perform(recorder, deed),
    // Some take long: a process that is stopped is in the middle of something.
    pause: () => new Promise((resolve) => void realTimeout(resolve, Math.random() * (Math.random() < 0.1 ? 60 : 3))),
  };
  const log =
    (level: string) =>
    (fields: object, message: string): void => {
      const { error } = fields as { readonly error?: unknown };
      process.stderr.write(`${level}: ${message}${error === undefined ? "" : ` (${String(error)})`}\n`);
    };
  const host = await serve(crashApp, {
    port: 0,
    data,
    services,
    logger: { debug() {}, info: log("info"), warn: log("warn"), error: log("error") },
    telemetry: false,
    // Clients that give up an attempt after 300 real milliseconds are to hear of it before.
    limits: { settleMs: 2_000 },
    // As long as they are by an ordinary clock.
    http: { requestTimeoutMs: 30_000 * speed },
    server: { closeTimeoutMs: 10_000 * speed },
  });
  const answer = async (question: Question): Promise<unknown> =>
    question.kind === "bound"
      ? boundFiles(question.isFull)
      : host.send("jobs", { id: question.job, body: JSON.stringify({ job: question.job }) });
  process.on("message", ({ n, question }: Asked) => {
    answer(question).then(
      () => say({ kind: "done", n, ok: true }),
      (error: unknown) => {
        if (!isHoldfastError(error) || error.retry === "never") throw error;
        say({ kind: "done", n, ok: false });
      },
    );
  });
  say({ kind: "ready", port: host.port });
}

/** Finds what the host opens; returns what forbids those files to grow, and allows it. Source: PRAGMA max_page_count. */
function watchDatabases(): (isFull: boolean) => void {
  const databases = new Set<DatabaseSync>();
  const { exec } = DatabaseSync.prototype;
  DatabaseSync.prototype.exec = function (this: DatabaseSync, sql) {
    databases.add(this);
    exec.call(this, sql);
  };
  return (isFull) => {
    // What is less than the present size means that.
    for (const db of databases) exec.call(db, `PRAGMA max_page_count = ${isFull ? 1 : 4_294_967_294}`);
  };
}

await run(JSON.parse(process.argv[2] ?? "") as ChildOptions);
