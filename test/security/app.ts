import { accept, holdfast, on, type Action, type App, type Principal } from "holdfast";
import * as z from "zod";

const h = holdfast();
const text = z.object({ text: z.string() });

/** Whoever the id begins with: `alice.1` is alice's. */
function isOwner({ kind, id }: Principal, action: Action): boolean {
  return kind === "user" && action.id.startsWith(`${id}.`);
}

/** Its owner's alone. */
export const note = h
  .entity("note", {
    initial: () => ({ text: "", by: "" }),
    events: { written: text, told: z.object({ to: z.string() }) },
    evolve: { written: (state, { text }) => ({ ...state, text }), told: (state) => state },
    history: true,
    authorize: isOwner,
    startsWith: ["write"],
  })
  .command("write", { input: text, decide: (_state, input, { events }) => events.written(input) })
  .command("tell", {
    input: z.object({ to: z.string() }),
    decide: (state, { to }, { events, send }) => {
      send(inbox, to).receive({ text: state.text });
      return events.told({ to });
    },
  })
  .command("writeLater", {
    input: text,
    decide: (_state, input, { schedule }) => {
      schedule("later", { afterMs: 1_000 }).write(input);
      return [];
    },
  })
  .command("read", { decide: (state) => accept([], { reply: state.text }) });

/** Its owner reads it; only handlers, sends and timers write. */
export const inbox = h
  .entity("inbox", {
    initial: () => ({ texts: [] as readonly string[] }),
    events: { received: text },
    evolve: { received: ({ texts }, { text }) => ({ texts: [...texts, text] }) },
    history: true,
    authorize: (principal, action) => action.kind !== "command" && isOwner(principal, action),
  })
  .command("receive", { input: text, decide: (_state, input, { events }) => events.received(input) });

/** A setting that nobody sees: neither view nor history. */
export const vault = h
  .entity("vault", {
    initial: () => ({ pin: "" }),
    events: { locked: z.object({ pin: z.string() }) },
    evolve: { locked: (_state, { pin }) => ({ pin }) },
    view: false,
    authorize: isOwner,
  })
  .command("lock", {
    input: z.object({ pin: z.string() }),
    decide: (_state, input, { events }) => events.locked(input),
  });

const copies = h.subscription("copies", {
  to: [on(note.events.written, { text: { exists: true } })],
  handle: async (event, { call }) =>
    void (await call(inbox, `${event.subject}.copies`).receive({ text: event.data.text })),
});

/** Messages are believed that know the password, and write in one tenant alone. */
const imports = h.worker("imports", {
  queue: "imports",
  tenant: "acme",
  input: z.object({ id: z.string(), text: z.string(), tenant: z.string().optional() }),
  authorize: (_input, { attributes }) => attributes["password"] === "open sesame",
  handle: async ({ id, text }, { call }) => void (await call(note, id).write({ text })),
});

export const app: App = h.app({ entities: [note, inbox, vault], subscriptions: [copies], workers: [imports] });

/** An input that each command takes, by operation. The tests fail for one that is missing. */
export const inputs: Readonly<Record<string, unknown>> = {
  "note.write": { text: "hello" },
  "note.tell": { to: "alice.2" },
  "note.writeLater": { text: "hello later" },
  "note.read": undefined,
  "inbox.receive": { text: "forged" },
  "vault.lock": { pin: "1234" },
};
