// The process that crashes: the app and its delivery on a file, driven by the parent's messages.

import { appendFileSync, openSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createRuntime, createSystem, isHoldfastError, systemPrincipal, type System } from "holdfast";
import { createSqliteJournal } from "holdfast/local";
import { createDelivery } from "../../../src/core/delivery/delivery.ts";
import { crashApp, type Outside } from "./app.ts";

/** What the parent asks for. */
export type Question =
  | {
      readonly kind: "command";
      readonly id: string;
      readonly command: string;
      readonly key: string;
      readonly input: object;
    }
  | { readonly kind: "job"; readonly job: string }
  | { readonly kind: "idle" };

export interface Asked {
  readonly n: number;
  readonly question: Question;
}

export interface Told {
  readonly n: number;
  readonly ok: boolean;
  /** What can never be done, and why: the test is wrong. */
  readonly refused?: string;
}

/** Time goes this many times as fast, so that leases of killed processes end, and retries and ticks come, soon. */
export const speed = 20;

const [folder = "", origin = ""] = process.argv.slice(2);

function createFastSystem(since: number): System {
  const real = createSystem();
  return {
    ...real,
    now: () => since + (real.now() - since) * speed,
    after: (delayMs, task) => real.after(delayMs / speed, task),
  };
}

async function run(): Promise<void> {
  const system = createFastSystem(Number(origin));
  // One write to a file opened to append is one line, whoever else writes; it outlives the process.
  const sightings = openSync(join(folder, "sightings.jsonl"), "a");
  const services: Outside = {
    see: (sighting) => appendFileSync(sightings, `${JSON.stringify(sighting)}\n`),
    pause: () => sleep(Math.random() * 3),
  };
  const journal = createSqliteJournal({ file: join(folder, "holdfast.db"), system, appendTimeoutMs: 10_000 * speed });
  const runtime = createRuntime(crashApp, { journal, system, services });
  const delivery = createDelivery(runtime, { store: journal, journal, services });
  await delivery.start();

  async function answer(question: Question): Promise<void> {
    switch (question.kind) {
      case "command": {
        const { id, command, key, input } = question;
        const outcome = await runtime.execute({
          entity: "source",
          id,
          command,
          key,
          input,
          principal: systemPrincipal,
        });
        if (!outcome.ok) throw new Error(outcome.code);
        break;
      }
      case "job":
        await delivery.send("jobs", { id: question.job, body: JSON.stringify({ job: question.job }) });
        break;
      case "idle":
        await delivery.idle();
    }
  }

  process.on("message", ({ n, question }: Asked) => {
    const tell = (told: Omit<Told, "n">): void => void process.send?.({ n, ...told } satisfies Told);
    answer(question).then(
      () => tell({ ok: true }),
      (error: unknown) => {
        const again = isHoldfastError(error) && error.retry !== "never";
        tell({ ok: false, ...(!again && { refused: String(error) }) });
      },
    );
  });
  process.on("disconnect", () => process.exit());
  process.send?.({ n: 0, ok: true } satisfies Told);
}

if (process.send) await run();
