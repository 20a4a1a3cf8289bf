import { request, type ClientRequest, type IncomingMessage } from "node:http";
import { once } from "node:events";
import type { LocalHost } from "holdfast/local";
import { expect, test } from "vitest";
import { add, onCleanup, raw, start } from "./fixtures.ts";

interface Stream {
  readonly request: ClientRequest;
  readonly response: IncomingMessage;
  /** Waits until that many events have arrived; their versions. */
  versions(count: number): Promise<number[]>;
  /** Waits for the end; true if it was a clean one. */
  ended(): Promise<boolean>;
}

async function open(host: LocalHost, id: string, lastEventId?: number): Promise<Stream> {
  const sent = request(`${host.url}/api/counter/${id}/events`, {
    agent: false,
    headers: { accept: "text/event-stream", ...(lastEventId !== undefined && { "last-event-id": lastEventId }) },
  });
  sent.on("error", () => {});
  onCleanup(() => sent.destroy());
  sent.end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  let text = "";
  let wake = (): void => {};
  const over = new Promise<boolean>((resolve) => {
    response.once("close", () => resolve(response.complete));
  });
  response.setEncoding("utf8");
  response.on("error", () => {});
  response.on("data", (chunk: string) => {
    text += chunk;
    wake();
  });
  return {
    request: sent,
    response,
    ended: () => over,
    async versions(count) {
      for (;;) {
        const found = [...text.matchAll(/^id: (\d+)$/gm)].map(([, version]) => Number(version));
        if (found.length >= count) return found;
        const more = new Promise<boolean>((resolve) => void (wake = () => resolve(true)));
        const closed = over.then(() => false);
        if (!(await Promise.race([more, closed]))) throw new Error(`the stream ended after ${text}`);
      }
    },
  };
}

test("events arrive as they are stored; headers before the first event", async () => {
  const { host } = await start();
  const stream = await open(host, "c1");
  expect(stream.response.headers).toMatchObject({
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
  });
  for (let i = 1; i <= 3; i++) {
    await add(host, "c1");
    expect((await stream.versions(i)).at(-1)).toBe(i);
  }
});

test("a connection that is killed in the middle loses nothing: Last-Event-ID resumes", async () => {
  const { host, complaints } = await start();
  const seen: number[] = [];
  for (let round = 0; round < 5; round++) {
    const stream = await open(host, "c1", seen.at(-1) ?? 0);
    await add(host, "c1");
    seen.push(...(await stream.versions(1)));
    stream.request.destroy();
    // While nobody listens.
    await add(host, "c1");
  }
  const last = await open(host, "c1", seen.at(-1));
  seen.push(...(await last.versions(1)));
  expect(seen).toEqual(Array.from({ length: 10 }, (_, i) => i + 1));
  expect(complaints()).toEqual([]);
});

test("events stored by another process arrive too", async () => {
  const first = await start({ http: { streamPollMs: 20 } });
  const second = await start({ data: first.data });
  const stream = await open(first.host, "c1");
  await add(second.host, "c1", 5);
  expect(await stream.versions(1)).toEqual([1]);
});

test("the place of a client that went away is given to the next", async () => {
  const { host } = await start({ http: { streamsMax: 1 } });
  for (let i = 0; i < 3; i++) {
    let stream = await open(host, "c1");
    // The host learns of the end in its own time.
    while (stream.response.statusCode === 503) stream = await open(host, "c1");
    expect(stream.response.statusCode).toBe(200);
    const second = await open(host, "c1");
    expect([second.response.statusCode, second.response.headers["retry-after"]]).toEqual([503, "1"]);
    stream.request.destroy();
  }
});

test("a client that does not read is not read for: what is stored meanwhile waits in the store", async () => {
  const { host, complaints } = await start();
  const connection = await raw(host);
  connection.socket.pause();
  connection.write("GET /api/counter/c1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
  for (let i = 0; i < 50; i++) expect((await add(host, "c1")).status).toBe(200);
  connection.socket.resume();
  await connection.until(/^id: 50$/m);
  expect(complaints()).toEqual([]);
});

test("closing ends streams cleanly and at once", async () => {
  const { host } = await start({ server: { closeTimeoutMs: 30_000 } });
  const stream = await open(host, "c1");
  await add(host, "c1");
  await stream.versions(1);
  expect(await host.close()).toEqual({ left: 0 });
  expect(await stream.ended()).toBe(true);
});
