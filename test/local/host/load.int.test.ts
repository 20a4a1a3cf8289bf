import { execSync } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, test } from "vitest";
import { post } from "./fixtures.ts";
import { spawnHost } from "./child.ts";

/** Sockets that a process may have here; two are not needed for a request, since the host is another process. */
const files = Number(execSync("ulimit -n", { shell: "/bin/sh" }).toString()) || 16_384;
const parallel = Math.min(10_000, files - 500);

interface Answer {
  readonly status: number;
  readonly head: string;
}

async function send(
  port: number,
  text: string,
): Promise<{ readonly socket: Socket; readonly answer: Promise<Answer> }> {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.setEncoding("latin1");
  await once(socket, "connect");
  const answer = new Promise<Answer>((resolve, reject) => {
    let received = "";
    socket.on("data", (chunk: string) => {
      received += chunk;
      const end = received.indexOf("\r\n\r\n");
      if (end === -1) return;
      resolve({ status: Number(received.slice(9, 12)), head: received.slice(0, end) });
    });
    socket.once("close", () => reject(new Error(`closed after ${JSON.stringify(received)}`)));
    socket.on("error", reject);
  });
  answer.catch(() => {});
  socket.write(text);
  return { socket, answer };
}

test("10,000 parallel requests: as many as the bound are done, the others are told to come back, then all is well", async () => {
  const host = await spawnHost();
  const { port } = new URL(host.url);
  const sent: Awaited<ReturnType<typeof send>>[] = [];
  // Each waits in `prepare` until all are there.
  for (let i = 0; i < parallel; i += 250) {
    const some = Array.from({ length: Math.min(250, parallel - i) }, (_, k) =>
      send(Number(port), post(`/api/counter/c${i + k}/slow`, {}, "Connection: close\r\n")),
    );
    sent.push(...(await Promise.all(some)));
  }
  // Whoever is refused is told at once; when they all were, the others may go on.
  const refused: Answer[] = [];
  const bound = 4_096;
  const expected = Math.max(0, parallel - bound);
  await new Promise<void>((resolve) => {
    if (expected === 0) resolve();
    for (const { answer } of sent) {
      void answer.then((given) => {
        if (given.status === 503) refused.push(given);
        if (refused.length === expected) resolve();
      });
    }
  });
  for (const { head } of refused) expect(head).toMatch(/^retry-after: 1$/im);
  // Alive, but at its bound.
  expect((await fetch(`${host.url}/healthz`)).status).toBe(200);
  if (expected > 0) expect((await fetch(`${host.url}/api/counter/c1`)).status).toBe(503);
  host.child.kill("SIGUSR2");
  const answers = await Promise.all(sent.map(({ answer }) => answer));
  const statuses = answers.map(({ status }) => status);
  expect(statuses.filter((status) => status === 204).length).toBe(parallel - expected);
  expect(statuses.filter((status) => status === 503).length).toBe(expected);
  // Recovered: everything is answered again, and what was accepted is there.
  const again = await Promise.all(
    Array.from({ length: 200 }, async (_, i) => {
      const answer = await fetch(`${host.url}/api/counter/r${i}/add`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: '{"value":1}',
      });
      return answer.status;
    }),
  );
  expect(new Set(again)).toEqual(new Set([200]));
  const first = (await (await fetch(`${host.url}/api/counter/c0`)).json()) as { total: number };
  expect(first.total).toBe(statuses[0] === 204 ? 1 : 0);
  expect(await host.stop("SIGTERM")).toBe(0);
}, 60_000);
