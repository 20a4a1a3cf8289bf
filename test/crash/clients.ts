import { setTimeout as sleep } from "node:timers/promises";
import { client, isClientError } from "holdfast/client";
import { createRandom } from "holdfast/testing";
import type { crashApp } from "./app.ts";
import type { Shown, Told, Watched, Wire } from "./observed.ts";
import { accounts, nextWish, pick, type Wish } from "./workload.ts";

/** What the clients of a round were told so far. */
export interface Heard {
  readonly told: readonly Told[];
  readonly shown: readonly Shown[];
  readonly watched: readonly Watched[];
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
  /** How much faster time goes for servers. */
  readonly speed: number;
  readonly clients: number;
}

/** Others' failures must not be: 502 says a host whose process has died, 503 Holdfast. */
const passing: ReadonlySet<number> = new Set([408, 429, 502, 503]);

/** How long the client waits, by its own clock. */
const patienceHeader = "x-request-timeout-ms";

const now = (): number => performance.now();

/** Starts clients that send commands, read views and put jobs into a queue, each one thing at a time, across all servers. */
export function startClients({ seed, urls, send, attemptTimeoutMs, speed, clients }: ClientsOptions): Clients {
  const told: Told[] = [];
  const shown: Shown[] = [];
  const watched: Watched[] = [];
  const wire: Wire[] = [];
  const jobs: string[] = [];
  const odd: string[] = [];
  /** Ids of workflows that are known to be there. */
  const started: string[] = [];
  const attempts = new Map<string, number>();
  let unanswered = 0;
  let refused = 0;
  let working = true;
  let until = Infinity;

  /** Any of the servers, for each attempt anew; notes what comes back before the client makes anything of it. */
  function fetchFrom(random: () => number) {
    return async (path: string, init: RequestInit): Promise<Response> => {
      const headers = new Headers(init.headers);
      const key = headers.get("idempotency-key");
      const patience = headers.get(patienceHeader);
      if (patience !== null) headers.set(patienceHeader, String(Number(patience) * speed));
      if (key !== null) attempts.set(key, (attempts.get(key) ?? 0) + 1);
      const from = now();
      let response: Response;
      try {
        response = await fetch(pick(random, urls) + path, { ...init, headers });
      } catch (error) {
        unanswered++;
        throw error;
      }
      const { status } = response;
      if (key !== null) {
        const replayed = response.headers.get("idempotency-replayed") === "true";
        wire.push({ key, span: { from, to: now() }, status, replayed });
      }
      if (status === 503) refused++;
      return response;
    };
  }

  function start(random: () => number) {
    const { account, source, errand } = client<typeof crashApp>({
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
      type Commands = { readonly [name: string]: (input: unknown) => Promise<Told["result"]> };
      const handle = { account, source, errand }[entity](id, { key });
      const [name = "", signal] = command.split("/");
      // The commands of all of them, and signals, are known by the names that `nextWish` gives them.
      const all = handle as unknown as Commands & { readonly signals: Commands };
      const send = signal === undefined ? all[name] : all.signals[signal];
      if (send === undefined) throw new Error(`The client knows no ${command}.`);
      const from = now();
      const result = await insist(`${command} ${key} of ${entity}/${id}`, () =>
        send(command === "cancel" ? undefined : input),
      );
      if (result === undefined) return undefined;
      return { entity, id, command, key, input, span: { from, to: now() }, attempts: attempts.get(key) ?? 0, result };
    }

    async function watch(id: string): Promise<void> {
      const from = now();
      const seen = await insist(`the view of errand/${id}`, () => errand(id).$view());
      if (seen) watched.push({ id, span: { from, to: now() }, view: seen.view, version: seen.version });
    }

    async function look(id: string): Promise<void> {
      const from = now();
      const seen = await insist(`the view of account/${id}`, () => account(id).$view());
      if (seen) shown.push({ id, span: { from, to: now() }, view: seen.view, version: seen.version });
    }

    return { run, look, watch };
  }

  async function work(number: number): Promise<void> {
    const random = createRandom(seed * 1_000 + number);
    const { run, look, watch } = start(random);
    for (let n = 0; working; n++) {
      const mark = `m${number}-${n}`;
      const dice = random();
      if (dice < 0.16) await look(pick(random, accounts));
      else if (dice < 0.2) await watch(started.at(-1) ?? `e-${mark}`);
      else if (dice < 0.26) {
        while (!(await send(mark)) && now() < until) await sleep(5 + random() * 20);
        if (now() < until) jobs.push(mark);
        else odd.push(`the job ${mark} is not taken when everything works again`);
      } else {
        const answer = await run(nextWish(random, mark, started));
        if (answer) told.push(answer);
        if (answer?.command === "start") started.push(answer.id);
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
    watched,
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
      // What is cancelled already is not cancelled again: that is an answer without a trace.
      const accepted = told.filter(({ result, command }) => result.ok && command !== "cancel");
      const sample = accepted.filter((_, i) => i % Math.ceil(accepted.length / count) === 0);
      // Each was told of a wish.
      const answers = await Promise.all(sample.map((one) => run(one as Told & Wish)));
      return answers.filter((answer) => answer !== undefined);
    },
  };
}
