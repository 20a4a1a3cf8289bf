import { createRuntime, holdfast, type Action, type Principal } from "holdfast";
import { createHttp } from "holdfast/http";
import { createMemoryJournal } from "holdfast/memory";
import { createVirtualSystem } from "holdfast/testing";
import { expect, test } from "vitest";
import * as z from "zod";

const h = holdfast();
const data = z.object({ n: z.number() });

/** An entity whose readers can be put out while they read. */
function createRoom() {
  const asked: Action[] = [];
  const banned = new Set<string>();
  const room = h
    .entity("room", {
      initial: () => 0,
      events: { said: data },
      evolve: { said: (_state, { n }) => n },
      history: true,
      authorize: ({ id }, action) => {
        asked.push(action);
        return !banned.has(id);
      },
    })
    .command("say", { input: data, decide: (_state, input, { events }) => events.said(input) });
  const system = createVirtualSystem();
  const runtime = createRuntime(h.app({ entities: [room] }), { journal: createMemoryJournal(), system });
  let claims: Principal["claims"] = {};
  const authenticate = (request: Request): Principal => ({
    kind: "user",
    id: request.headers.get("authorization") ?? "",
    tenant: "default",
    claims,
  });
  const http = createHttp(runtime, { authenticate, live: true });
  return {
    asked,
    banned,
    system,
    claim: (more: Principal["claims"]) => void (claims = more),
    say: (n: number) => runtime.call(room, "r1").say({ n }),
    async open(authorization: string) {
      const headers = { authorization, accept: "text/event-stream" };
      const response = await http.fetch(new Request("http://x/api/room/r1/events", { headers }));
      const reader = response.body?.getReader();
      return {
        status: response.status,
        async next() {
          const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
          return done ? undefined : new TextDecoder().decode(value);
        },
      };
    },
  };
}

test("a live stream asks whether it may before each read, and ends without a word when it may not any more", async () => {
  const room = createRoom();
  await room.say(1);
  const [ada, bob] = [await room.open("ada"), await room.open("bob")];
  expect(await ada.next()).toContain('{"n":1}');
  expect(await bob.next()).toContain('{"n":1}');
  const before = room.asked.length;
  room.banned.add("ada");
  const [last, heard] = [ada.next(), bob.next()];
  await room.say(2);
  await room.system.clock.advance(1_000);
  expect(await last).toBeUndefined();
  expect(await heard).toContain('{"n":2}');
  expect(room.asked.length).toBeGreaterThan(before);
  expect(new Set(room.asked.slice(before).map(({ kind }) => kind))).toEqual(new Set(["history"]));
  expect((await room.open("ada")).status).toBe(403);
});

test("a live stream ends when its token does; who has a new one goes on", async () => {
  const room = createRoom();
  const expiresIn = (ms: number) => room.claim({ exp: (room.system.now() + ms) / 1_000 });
  expiresIn(60_000);
  const stream = await room.open("ada");
  expect(await stream.next()).toBe("retry: 2000\n\n");
  let ended = false;
  const all = (async () => {
    while ((await stream.next()) !== undefined) {
      // Comments.
    }
    ended = true;
  })();
  await room.system.clock.advance(59_000);
  expect(ended).toBe(false);
  await room.system.clock.advance(1_001);
  await all;
  await room.say(1);
  expiresIn(60_000);
  expect(await (await room.open("ada")).next()).toContain('{"n":1}');
});

test.each([
  ["a text", "soon"],
  ["far away", 1e12],
  ["nothing", undefined],
])("a claim exp that is %s leaves the stream its 15 minutes", async (_what, exp) => {
  const room = createRoom();
  room.claim({ exp });
  const stream = await room.open("ada");
  await stream.next();
  let comments = 0;
  const all = (async () => {
    while ((await stream.next()) !== undefined) comments++;
  })();
  await room.system.clock.advance(15 * 60_000 + 1);
  await all;
  expect(comments).toBeGreaterThanOrEqual(59);
});
