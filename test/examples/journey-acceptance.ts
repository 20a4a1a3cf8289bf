import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";

/** The workflows of journey-acceptance-app.ts on a target, served. */
export interface ServedJourneys {
  readonly url: string;
  /** Ends what runs its code at once (-9), lets that much time go by, and starts it again. Answers where it is then. */
  later(ms: number): Promise<string>;
  stop(): Promise<void>;
}

/** What a function finds the file of `outsideIn` by. */
const logVariable = "HOLDFAST_JOURNEY_LOG";

const hourMs = 3_600_000;

/** What workflows do, on every target: the same program, the same answers. */
export function describeJourneys(
  target: string,
  log: () => string,
  open: (env: { readonly [name: string]: string }) => Promise<ServedJourneys>,
): void {
  let served: ServedJourneys | undefined;
  afterEach(async () => {
    await served?.stop();
    served = undefined;
  });

  async function start(): Promise<ServedJourneys> {
    writeFileSync(log(), "");
    served = await open({ [logVariable]: log() });
    return served;
  }

  /** What was done outside, by key: attempts of one step are the same deed. */
  function deeds(): readonly string[] {
    const lines = new Set(readFileSync(log(), "utf8").trim().split("\n"));
    return [...lines].map((line) => line.split(" ").slice(0, 2).join(" ")).toSorted();
  }

  describe(`workflows on ${target}`, { timeout: 120_000 }, () => {
    test("one sleeps for an hour, dies meanwhile, hears a signal, waits for its child, and ends", async () => {
      const { url, later } = await start();
      const of = "/api/journey/j1";
      expect(await post(`${url}${of}/start`, { hotel: "ritz", sleepMs: hourMs })).toEqual([204, ""]);
      await until(`${url}${of}`, { kind: "sleep" });
      expect(await get(`${url}${of}`)).toMatchObject({
        status: "running",
        waiting: [{ kind: "sleep", name: "sleep" }],
      });
      const again = await later(hourMs + 60_000);
      await until(`${again}${of}`, { kind: "until", name: "approved" });
      expect(await post(`${again}${of}/signals/approved`, { by: "somebody" })).toEqual([204, ""]);
      await until(`${again}${of}`, { status: "completed" });
      expect(await get(`${again}${of}`)).toMatchObject({
        status: "completed",
        output: { flight: "flight", car: "car", ticket: "ticket", by: "somebody" },
        waiting: [],
      });
      expect(await get(`${again}/api/hotel/ritz`)).toEqual({ guests: ["j1"] });
      expect(deeds()).toEqual(["car j1", "flight j1", "ticket j1"]);
      const [status, text] = await post(`${again}${of}/signals/approved`, { by: "somebody" });
      expect([status, JSON.parse(text)]).toMatchObject([409, { code: "workflow-ended" }]);
    });

    test("one is cancelled, and what it had done is undone; a second start is refused", async () => {
      const { url } = await start();
      const of = `${url}/api/journey/j2`;
      expect(await post(`${of}/start`, { hotel: "ritz", sleepMs: hourMs }, "k1")).toEqual([204, ""]);
      expect(await post(`${of}/start`, { hotel: "ritz", sleepMs: hourMs }, "k1")).toEqual([204, ""]);
      const [status, text] = await post(`${of}/start`, { hotel: "inn", sleepMs: 1 });
      expect([status, JSON.parse(text)]).toMatchObject([409, { code: "workflow-exists" }]);
      await until(of, { kind: "sleep" });
      expect(await post(`${of}/cancel`)).toEqual([204, ""]);
      await until(of, { status: "cancelled" });
      expect(await get(of)).toMatchObject({ failure: { code: "workflow-cancelled" }, waiting: [] });
      expect(await get(`${url}/api/hotel/ritz`)).toEqual({ guests: [] });
      expect(deeds()).toEqual(["flight j2", "no-flight j2"]);
    });
  });
}

async function post(url: string, input?: object, key?: string): Promise<readonly [number, string]> {
  const response = await fetch(url, {
    method: "POST",
    headers: {
      ...(input && { "content-type": "application/json" }),
      ...(key !== undefined && { "idempotency-key": key }),
    },
    ...(input && { body: JSON.stringify(input) }),
  });
  return [response.status, await response.text()];
}

const get = async (url: string): Promise<unknown> => (await fetch(url)).json();

/** Looks until it is so. */
async function until(url: string, view: object): Promise<void> {
  const wanted = Object.entries(view).map(([name, value]) => JSON.stringify({ [name]: value as unknown }).slice(1, -1));
  for (const end = performance.now() + 50_000; performance.now() < end; await sleep(50)) {
    const found = JSON.stringify(await get(url));
    if (wanted.every((part) => found.includes(part))) return;
  }
  expect(await get(url)).toMatchObject(view);
}
