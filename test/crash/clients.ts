import { setTimeout as sleep } from "node:timers/promises";
import { client, isClientError } from "holdfast/client";
import { createRandom } from "holdfast/testing";
import type { crashApp } from "./app.ts";
import type { Shown, Told, Wire } from "./observed.ts";
import { accounts, nextWish, pick, type Wish } from "./workload.ts";

/** What the clients of a round were told so far. */
export interface Heard {
  readonly told: readonly Told[];
  readonly shown: readonly Shown[];
  readonly wire: readonly Wire[];
  /** Jobs that were taken. */
  readonly jobs: readonly string[];
  /** Answers that must not be, calls without an end. */
  readonly odd: readonly string[];
  /** Requests without an answer. */
  readonly unanswered: number;
  /** Requests that were told to come again (503). */
  readonly refused: number;
}

export interface Clients extends Heard {
  /** Begins nothing new; resolves when everything that was begun has its answer, or after `timeoutMs`. */
  stop(timeoutMs: number): Promise<void>;
  /** Sends some of the commands that were answered once more. */
  again(count: number): Promise<readonly Told[]>;
}

export interface ClientsOptions {
  readonly seed: number;
  readonly urls: readonly string[];
  readonly send: (job: string) => Promise<boolean>;
  /** So soon a black hole is noticed. */
  readonly attemptTimeoutMs: number;
  readonly clients: number;
}

/** Others' failures must not be: 502 says a host whose process has died, 503 Holdfast. */
const passing: ReadonlySet<number> = new Set([408, 429, 502, 503]);

const now = (): number => performance.now();

/** Starts clients that send commands, read views and put jobs into a queue, each one thing at a time, across all servers. */
export function startClients({ seed, urls, send, attemptTimeoutMs, clients }: ClientsOptions): Clients {
  const told: Told[] = [];
  const shown: Shown[] = [];
  const wire: Wire[] = [];
  const jobs: string[] = [];
  const odd: string[] = [];
  const attempts = new Map<string, number>();
  let unanswered = 0;
  let refused = 0;
  let working = true;
  let until = Infinity;

  /** Any of the servers, for each attempt anew; notes what comes back before the client makes anything of it. */
  function fetchFrom(random: () => number) {
    return async (path: string, init: RequestInit): Promise<Response> => {
      const key = new Headers(init.headers).get("idempotency-key");
      if (key !== null) attempts.set(key, (attempts.get(key) ?? 0) + 1);
      const from = now();
      let response: Response;
      try {
        response = await fetch(pick(random, urls) + path, init);
      } catch (error) {
        unanswered++;
        throw error;
      }
      const { status, headers } = response;
      if (key !== null) {
        const replayed = headers.get("idempotency-replayed") === "true";
        wire.push({ key, span: { from, to: now() }, status, replayed });
      }
      if (status === 503) refused++;
      return response;
    };
  }

  function start(random: () => number) {
    const { account, source } = client<typeof crashApp>({
      url: "",
      fetch: fetchFrom(random),
      attemptTimeoutMs,
      timeoutMs: 3 * attemptTimeoutMs,
    });

    /** As long as it takes. `undefined` where no answer can be had: that is noted. */
    async function insist<T>(what: string, call: () => Promise<T>): Promise<T | undefined> {
      for (;;) {
        try {
          return await call();
        } catch (error) {
          if (!isClientError(error)) throw error;
          if (error.retry !== "later" || !passing.has(error.status ?? 503)) {
            odd.push(`${what} was answered with ${error.status} ${error.code}: ${error.message}`);
            return undefined;
          }
          if (now() > until) {
            odd.push(`${what} has no answer when everything works again (${error.code}: ${error.message})`);
            return undefined;
          }
        }
        await sleep(5 + random() * 20);
      }
    }

    async function run({ entity, id, command, key, input }: Wish): Promise<Told | undefined> {
      const handle = entity === "account" ? account(id, { key }) : source(id, { key });
      // The commands of both are known by the names that `nextWish` gives them.
      const commands = handle as unknown as { readonly [name: string]: (input: unknown) => Promise<Told["result"]> };
      const from = now();
      const result = await insist(`${command} ${key} of ${entity}/${id}`, async () => commands[command]?.(input));
      if (result === undefined) return undefined;
      return { entity, id, command, key, input, span: { from, to: now() }, attempts: attempts.get(key) ?? 0, result };
    }

    async function look(id: string): Promise<void> {
      const from = now();
      const seen = await insist(`the view of account/${id}`, () => account(id).$view());
      if (seen) shown.push({ id, span: { from, to: now() }, view: seen.view, version: seen.version });
    }

    return { run, look };
  }

  async function work(number: number): Promise<void> {
    const random = createRandom(seed * 1_000 + number);
    const { run, look } = start(random);
    for (let n = 0; working; n++) {
      const mark = `m${number}-${n}`;
      const dice = random();
      if (dice < 0.2) await look(pick(random, accounts));
      else if (dice < 0.26) {
        while (!(await send(mark)) && now() < until) await sleep(5 + random() * 20);
        if (now() < until) jobs.push(mark);
        else odd.push(`the job ${mark} is not taken when everything works again`);
      } else {
        const answer = await run(nextWish(random, mark));
        if (answer) told.push(answer);
      }
      await sleep(random() * 10);
    }
  }

  const all = Promise.all(Array.from({ length: clients }, (_, number) => work(number)));
  // Whoever stops them learns of it.
  all.catch(() => {});

  return {
    told,
    shown,
    wire,
    jobs,
    odd,
    get unanswered() {
      return unanswered;
    },
    get refused() {
      return refused;
    },
    async stop(timeoutMs) {
      working = false;
      until = now() + timeoutMs;
      await all;
    },
    async again(count) {
      const { run } = start(createRandom(seed));
      const accepted = told.filter(({ result }) => result.ok);
      const sample = accepted.filter((_, i) => i % Math.ceil(accepted.length / count) === 0);
      // Each was told of a wish.
      const answers = await Promise.all(sample.map((one) => run(one as Told & Wish)));
      return answers.filter((answer) => answer !== undefined);
    },
  };
}
