import {
  accept,
  createRuntime,
  holdfast,
  HoldfastError,
  reject,
  type App,
  type Journal,
  type Limits,
  type Logger,
  type Principal,
  type Runtime,
} from "holdfast";
import { createHttp, type Http, type HttpEnv, type HttpOptions } from "holdfast/http";
import { createMemoryJournal } from "holdfast/memory";
import { createVirtualSystem, type VirtualSystem } from "holdfast/testing";
import { expect } from "vitest";
import * as z from "zod";

export interface Services {
  readonly slow: () => Promise<number>;
}

const h = holdfast<Services>();
const value = z.object({ value: z.number() });

/** One command for each way in which a command can end. */
export const box = h
  .entity("box", {
    initial: () => ({ value: 0, secret: "not for everybody" }),
    events: { set: value, noted: z.object({ text: z.string() }) },
    evolve: { set: (state, { value }) => ({ ...state, value }), noted: (state) => state },
    view: ({ value }, { id, version }) => ({ value, id, version }),
    history: true,
  })
  .command("put", {
    input: value,
    decide: (_state, input, { events }) => accept([events.set(input)], { reply: { was: _state.value } }),
  })
  .command("quiet", { input: value, decide: (_state, input, { events }) => events.set(input) })
  .command("ping", { decide: () => accept([], { reply: "pong" }) })
  .command("nil", { decide: () => accept([], { reply: null }) })
  .command("nothing", { decide: () => [] })
  .command("pick", {
    input: value.optional(),
    decide: (_state, input) => accept([], { reply: input?.value ?? "none" }),
  })
  .command("strict", { input: z.strictObject({ value: z.number() }), decide: () => [] })
  .command("any", { input: z.unknown(), decide: () => accept([], { reply: "taken" }) })
  .command("refuse", { decide: (state) => reject("too-full", `There are ${state.value} already.`) })
  .command("brew", { decide: () => reject("no-coffee", "A teapot.", { status: 418 }) })
  .command("refuseOnce", {
    input: value,
    remember: true,
    decide: (state, input, { events }) => (state.value < 10 ? reject("too-low", "Wait.") : events.set(input)),
  })
  .command("fail", {
    decide: () => {
      throw new Error("the password is 1234");
    },
  })
  .command("promise", { decide: () => Promise.resolve([]) as never })
  .command("asyncFail", { decide: () => Promise.reject(new Error("the password is 1234")) as never })
  .command("nonsense", { decide: () => 42 as never })
  .command("slow", {
    prepare: (_input, { services }) => services.slow(),
    decide: (_state, _input, { events, prepared }) => events.set({ value: prepared }),
  })
  .command("note", {
    input: z.object({ chars: z.int(), times: z.int() }),
    decide: (_state, { chars, times }, { events }) =>
      Array.from({ length: times }, () => events.noted({ text: "x".repeat(chars) })),
  })
  .command("remind", {
    input: z.object({ timers: z.int() }),
    decide: (_state, { timers }, { schedule }) => {
      for (let i = 0; i < timers; i++) schedule(`t${i}`, { afterMs: 1_000 }).ping();
      return [];
    },
  });

/** Not for everybody, and shows nothing. */
export const vault = h
  .entity("vault", {
    initial: () => ({ open: false }),
    events: { opened: z.object({}), locked: z.object({}) },
    evolve: { opened: () => ({ open: true }), locked: () => ({ open: false }) },
    view: false,
    startsWith: ["open"],
    authorize: ({ id }, action) => id === "alice" && action.id !== "for-nobody",
  })
  .command("open", { decide: (_state, _input, { events }) => events.opened({}) })
  .command("lock", { input: value, decide: (_state, _input, { events }) => events.locked({}) });

/** Grows until it is too large. */
export const pile = h
  .entity("pile", {
    initial: () => ({ parts: [] as readonly string[] }),
    events: { grown: z.object({ text: z.string() }) },
    evolve: { grown: (state, { text }) => ({ parts: [...state.parts, text] }) },
    view: () => "high",
  })
  .command("grow", { decide: (_state, _input, { events }) => events.grown({ text: "x".repeat(120_000) }) });

export const app: App<unknown, Services> = h.app({ entities: [box, vault, pile] });

export const alice: Principal = { kind: "user", id: "alice", tenant: "default", claims: {} };

/** `Authorization: Bearer <name>`; some names are trouble, `name@tenant` is of another tenant. */
export function authenticate(request: Request): Principal | undefined {
  const token = request.headers.get("authorization")?.replace(/^Bearer /, "");
  if (token === undefined) return undefined;
  if (token === "expired") throw new HoldfastError("unauthenticated", "The token has expired.");
  if (token === "broken") throw new Error("the directory is down");
  const [id = "", tenant = "default"] = token.split("@");
  return { ...alice, id, tenant };
}

export interface Line {
  readonly level: keyof Logger;
  readonly fields: { readonly [name: string]: unknown };
  readonly message: string;
}

export interface Fixture {
  readonly http: Http;
  readonly runtime: Runtime;
  readonly journal: Journal;
  readonly system: VirtualSystem;
  readonly log: Line[];
  /** Sends a request to `http://holdfast.test` + path; an object as body is sent as JSON. */
  send(method: string, path: string, options?: SendOptions): Promise<Response>;
  /** Everything that is stored, as text. */
  stored(): Promise<string>;
}

export interface SendOptions {
  readonly headers?: Record<string, string>;
  readonly json?: unknown;
  readonly body?: RequestInit["body"];
  readonly env?: HttpEnv;
}

export interface FixtureOptions {
  readonly http?: HttpOptions;
  readonly limits?: Partial<Limits>;
  readonly slow?: () => Promise<number>;
  readonly journal?: (inner: Journal) => Journal;
}

export function createFixture(options: FixtureOptions = {}): Fixture {
  const log: Line[] = [];
  const write =
    (level: keyof Logger) =>
    (fields: object, message: string): void =>
      void log.push({ level, fields: { ...fields }, message });
  const system = createVirtualSystem({
    log: { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") },
  });
  const inner = createMemoryJournal();
  const journal = options.journal?.(inner) ?? inner;
  const runtime = createRuntime(app, {
    journal,
    system,
    services: { slow: options.slow ?? (async () => 7) },
    ...(options.limits && { limits: options.limits }),
  });
  const http = createHttp(runtime, { authenticate, ...options.http });
  return {
    http,
    runtime,
    journal: inner,
    system,
    log,
    send(method, path, { headers = {}, json, body, env } = {}) {
      const init: RequestInit & { duplex: "half" } = { method, headers, duplex: "half" };
      if (json !== undefined) {
        init.body = JSON.stringify(json);
        init.headers = { "content-type": "application/json", ...headers };
      } else if (body !== undefined) {
        init.body = body;
      }
      return http.fetch(new Request(`http://holdfast.test${path}`, init), env);
    },
    async stored() {
      const found: unknown[] = [];
      for (const tenant of ["default", "other"]) {
        for (const entity of app.entities.keys()) {
          for (const id of await inner.streams({ tenant, entity, limit: 1_000 })) {
            const stream = { tenant, entity, id };
            found.push(stream, await inner.history(stream, { after: 0, limit: 10_000 }));
          }
        }
      }
      return JSON.stringify(found);
    },
  };
}

export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail?: string;
  readonly instance: string;
  readonly rejected?: true;
  readonly version?: number;
  readonly errors?: readonly { readonly message: string; readonly path: readonly (string | number)[] }[];
}

/** The problem in an answer, checked for what all problems have in common. */
export async function problemOf(response: Response): Promise<ProblemBody> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const body = (await response.json()) as ProblemBody;
  expect(body).toMatchObject({ type: "about:blank", status: response.status });
  expect(body.code).toMatch(/^[a-z][a-zA-Z0-9-]+$/);
  expect(body.title).not.toBe("");
  expect(decodeURIComponent(body.instance)).toBe(response.headers.get("x-correlation-id"));
  return body;
}

/**
 * Sends what is to be refused and checks all that a refusal promises: status, code, nothing stored, and that the next
 * request works.
 */
export async function refused(
  fixture: Fixture,
  [method, path, options]: readonly [method: string, path: string, options?: SendOptions],
  [status, code]: readonly [status: number, code: string],
): Promise<ProblemBody> {
  const before = await fixture.stored();
  const response = await fixture.send(method, path, options);
  const problem = await problemOf(response);
  expect([response.status, problem.code]).toEqual([status, code]);
  expect(await fixture.stored()).toBe(before);
  const next = await fixture.send("POST", "/api/box/next/put", { json: { value: 1 } });
  expect(next.status).toBe(200);
  return problem;
}
