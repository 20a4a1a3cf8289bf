import { once } from "node:events";
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { spawnHost } from "./child.ts";
import { add, parse, post, raw, start, total } from "./fixtures.ts";

const slow = (id: string): string => post(`/api/counter/${id}/slow`, {});

test("close finishes what runs, then closes its connection, and accepts nothing new", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const { host, log } = await start({
    server: { closeTimeoutMs: 30_000 },
    services: {
      slow: () => {
        begun.resolve();
        return promise;
      },
    },
  });
  const running = await raw(host);
  running.write(slow("c1"));
  await begun.promise;
  const idle = await raw(host);
  const halfway = await raw(host);
  halfway.write("GET /heal");
  const closed = host.close();
  // Those that nobody waits for go at once, and nobody new gets in.
  expect(await idle.end()).toBe("");
  expect(await halfway.end()).toBe("");
  await expect(fetch(`${host.url}/healthz`)).rejects.toThrow();
  resolve();
  expect(parse(await running.end()).status).toBe(204);
  expect(await closed).toEqual({ left: 0 });
  expect(await host.close()).toEqual({ left: 0 });
  expect(log.map(({ message }) => message)).toEqual(expect.arrayContaining(["listening", "shutting down", "stopped"]));
});

test("what was pipelined behind a running command is answered before its connection is closed", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const { host } = await start({
    services: {
      slow: () => {
        begun.resolve();
        return promise;
      },
    },
  });
  const running = await raw(host);
  running.write(slow("c1") + post("/api/counter/c1/add", { value: 5 }));
  await begun.promise;
  const closed = host.close();
  resolve();
  expect(await running.end()).toMatch(/^HTTP\/1\.1 204 [^]*HTTP\/1\.1 200 [^]*\{"total":6\}$/);
  expect(await closed).toEqual({ left: 0 });
});

test("a connection that is kept busy cannot keep the host from closing", async () => {
  const { host } = await start({ server: { closeTimeoutMs: 30_000 } });
  let go = true;
  const client = (async () => {
    while (go) await add(host, "c1").catch(() => void (go = false));
  })();
  await add(host, "c1");
  expect(await host.close()).toEqual({ left: 0 });
  await client;
});

test("what does not end in time is cut off and counted", async () => {
  const begun = Promise.withResolvers<void>();
  const { host, log } = await start({
    server: { closeTimeoutMs: 100 },
    services: {
      slow: () => {
        begun.resolve();
        return new Promise(() => {});
      },
    },
  });
  const running = await raw(host);
  running.write(slow("c1"));
  await begun.promise;
  expect(await host.close()).toEqual({ left: 1 });
  expect(await running.end()).toBe("");
  expect(log.find(({ level }) => level === "error")).toMatchObject({
    fields: { left: 1, closeTimeoutMs: 100 },
    message: expect.stringContaining("1 requests were cut off"),
  });
});

test("everything that was answered before a close is there after a start", async () => {
  const first = await start();
  for (let i = 0; i < 20; i++) expect((await add(first.host, "c1")).status).toBe(200);
  await first.host.close();
  const second = await start({ data: first.data });
  expect(await total(second.host, "c1")).toBe(20);
});

test.each(["SIGTERM", "SIGINT"] as const)("%s lets a running command finish, then exits with 0", async (signal) => {
  const host = await spawnHost();
  const answer = fetch(`${host.url}/api/counter/c1/slow`, { method: "POST" });
  await host.said(/slow has begun/);
  const exited = host.stop(signal);
  if (signal === "SIGINT") host.child.kill("SIGUSR2");
  expect((await answer).status).toBe(204);
  expect(await exited).toBe(0);
  expect(host.stdout()).toContain('"stopped"');
});

test.each([
  ["stdout", "debug"],
  ["stdout", "info"],
  ["stderr", "info"],
] as const)("a host whose %s nobody reads any more serves on and stops (log level %s)", async (name, level) => {
  const host = await spawnHost({ HOLDFAST_LOG: level });
  host.child[name]?.destroy();
  // `slow` speaks on standard error, and goes on at once.
  host.child.kill("SIGUSR2");
  for (let i = 0; i < 3; i++) {
    expect((await fetch(`${host.url}/api/counter/c1/slow`, { method: "POST" })).status).toBe(204);
  }
  expect(await host.stop("SIGTERM")).toBe(0);
});

test.skipIf(!existsSync("/dev/full"))(
  "a host that cannot write its log serves on (skipped without /dev/full)",
  async () => {
    const host = await spawnHost({ HOLDFAST_LOG: "debug" }, { command: "exec >/dev/full; exec" });
    expect((await fetch(`${host.url}/healthz`)).status).toBe(200);
    expect(await host.stop("SIGTERM")).toBe(0);
  },
);

test("what is left after the bound is said, and the exit code is 1", async () => {
  const host = await spawnHost({ SLOW_MODE: "hang", CLOSE_MS: "200" });
  const answer = fetch(`${host.url}/api/counter/c1/slow`, { method: "POST" }).catch(() => "cut off");
  await host.said(/slow has begun/);
  expect(await host.stop("SIGTERM")).toBe(1);
  expect(await answer).toBe("cut off");
  expect(host.stdout()).toContain("1 requests were cut off");
});

test("a second signal exits at once", async () => {
  const host = await spawnHost({ SLOW_MODE: "hang", CLOSE_MS: "600000" });
  void fetch(`${host.url}/api/counter/c1/slow`, { method: "POST" }).catch(() => {});
  await host.said(/slow has begun/);
  host.child.kill("SIGTERM");
  while (!host.stdout().includes("shutting down")) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(await host.stop("SIGINT")).toBe(130);
});

test("a body that has not come in time is not waited for, neither by the runtime nor by a close", async () => {
  const { host } = await start({ http: { requestTimeoutMs: 50 }, limits: { requestsMax: 1 } });
  const halfway = await raw(host);
  halfway.write(
    "POST /api/counter/c1/add HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{",
  );
  await once(halfway.socket, "data");
  halfway.socket.destroy();
  // There is room for one request.
  await expect.poll(async () => (await add(host, "c1")).status).toBe(200);
  expect(await host.close()).toEqual({ left: 0 });
});
