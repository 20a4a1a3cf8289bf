import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom } from "holdfast/testing";
import { createSystem, type StoredRecord } from "holdfast";
import { createSqliteJournal } from "holdfast/local";
import { expect, test } from "vitest";
import { check, type Answered, type Observed } from "./checker.ts";
import { startServer, type Server } from "./server.ts";

const rounds = process.env["HOLDFAST_VERIFY"] ? 50 : 10;
const clients = 8;
const carts = 5;

interface Command {
  readonly client: number;
  readonly id: string;
  readonly key: string;
  readonly quantity: number;
}

const add = async (url: string, { id, key, quantity }: Command): Promise<Response> =>
  fetch(`${url}/api/cart/${id}/addItem`, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": key },
    body: JSON.stringify({ productId: `p${quantity % 3}`, name: "Thing", quantity }),
  });

const versionOf = (response: Response): number => Number(response.headers.get("etag")?.replaceAll('"', ""));

test(`kill -9 under load, ${rounds} times: nothing acknowledged is lost, nothing is doubled`, {
  timeout: 300_000,
}, async () => {
  const data = await mkdtemp(join(tmpdir(), "holdfast-crash-"));
  const random = createRandom(Date.now());
  const answered: Answered[] = [];
  let kills = 0;
  let running = true;
  let server: Server | undefined = await startServer(data);
  // Two servers on one file for half of the time.
  let second: Server | undefined;

  const client = async (number: number): Promise<void> => {
    for (let n = 0; running; n++) {
      const command = {
        client: number,
        id: `c${Math.floor(random() * carts)}`,
        key: `${number}-${n}`,
        quantity: 1 + Math.floor(random() * 5),
      };
      const sentAt = performance.now();
      // As long as it takes, with the same key, as a real client does.
      for (let done = false; !done; ) {
        const url = (random() < 0.5 ? second : server)?.url ?? server?.url;
        try {
          if (url === undefined) throw new Error("nobody is there");
          const response = await add(url, command);
          await response.arrayBuffer();
          if (response.status === 503) throw new Error("busy");
          expect(response.status).toBe(204);
          answered.push({ ...command, version: versionOf(response), sentAt, answeredAt: performance.now() });
          done = true;
        } catch (error) {
          if (error instanceof Error && error.name === "AssertionError") throw error;
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
      }
    }
  };

  try {
    const load = Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
    for (let round = 0; round < rounds; round++) {
      if (round % 2 === 1) second = await startServer(data);
      const before = answered.length;
      await Promise.race([load, new Promise((resolve) => setTimeout(resolve, 20 + random() * 200))]);
      // It must have worked for somebody since the last kill.
      while (answered.length === before) await Promise.race([load, new Promise((resolve) => setTimeout(resolve, 5))]);
      await Promise.all([server?.kill(), second?.kill()]);
      kills++;
      server = undefined;
      second = undefined;
      server = await startServer(data);
    }
    running = false;
    await load;
    const observed = await observe(data, server.url, answered);
    expect(check(observed)).toEqual([]);
    expect(kills).toBe(rounds);
    expect(answered.length).toBeGreaterThan(rounds);
    expect(observed.replays.length).toBeGreaterThan(rounds);
    console.log(
      `${kills} kills, ${answered.length} acknowledged commands, ${observed.replays.length} replays compared`,
    );
  } finally {
    running = false;
    await server?.kill();
    await second?.kill();
    await rm(data, { recursive: true });
  }
});

/** Looks at the journal itself, at the views, and sends a sample of the keys again. */
async function observe(data: string, url: string, answered: readonly Answered[]): Promise<Observed> {
  const journal = createSqliteJournal({ file: join(data, "holdfast.db"), system: createSystem() });
  const streams = new Map<string, readonly StoredRecord[]>();
  const views = new Map<string, { quantity: number; version: number }>();
  for (let i = 0; i < carts; i++) {
    const id = `c${i}`;
    const stream = { tenant: "default", entity: "cart", id };
    streams.set(id, await journal.history(stream, { after: 0, limit: 1_000_000 }));
    const response = await fetch(`${url}/api/cart/${id}`);
    const { items } = (await response.json()) as { items: readonly { quantity: number }[] };
    views.set(id, { quantity: items.reduce((sum, { quantity }) => sum + quantity, 0), version: versionOf(response) });
  }
  await journal.close();
  const replays = [];
  for (const command of answered.filter((_, i) => i % Math.ceil(answered.length / 500) === 0)) {
    const response = await add(url, command);
    const replayed = response.headers.get("idempotency-replayed") === "true";
    replays.push({ key: command.key, version: versionOf(response), replayed });
  }
  return { answered, streams, views, replays };
}
