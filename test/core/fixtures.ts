import { accept, holdfast, reject, type App, type Journal, type Principal } from "holdfast";
import * as z from "zod";

const h = holdfast<{ readonly rate: () => Promise<number> }>();

/** A bank account: rejections depend on the state, so a stale answer shows. */
const declareAccount = (snapshotEvery: number) =>
  h
    .entity("account", {
      initial: () => ({ balance: 0, closed: false }),
      events: {
        deposited: z.object({ amount: z.number() }),
        withdrawn: z.object({ amount: z.number() }),
        closed: z.object({}),
      },
      evolve: {
        deposited: (state, { amount }) => ({ ...state, balance: state.balance + amount }),
        withdrawn: (state, { amount }) => ({ ...state, balance: state.balance - amount }),
        closed: (state) => ({ ...state, closed: true }),
      },
      history: true,
      snapshotEvery,
    })
    .command("deposit", {
      input: z.object({ amount: z.number().positive() }),
      decide: (state, { amount }, { events }) =>
        accept([events.deposited({ amount })], { reply: { balance: state.balance + amount } }),
    })
    .command("withdraw", {
      input: z.object({ amount: z.number().positive() }),
      decide: (state, { amount }, { events }) =>
        state.balance < amount
          ? reject("insufficient-funds", `There are ${state.balance}.`)
          : accept([events.withdrawn({ amount })], { reply: { balance: state.balance - amount } }),
    })
    .command("withdrawOnce", {
      input: z.object({ amount: z.number().positive() }),
      remember: true,
      decide: (state, { amount }, { events }) =>
        state.balance < amount ? reject("insufficient-funds", "no") : events.withdrawn({ amount }),
    })
    .command("peek", { decide: (state) => accept([], { reply: state.balance }) })
    .command("remind", {
      input: z.object({ afterMs: z.number() }),
      decide: (_state, { afterMs }, { schedule }) => {
        schedule("reminder", { afterMs }).peek();
        return [];
      },
    })
    .command("payInterest", {
      prepare: (_input, { services }) => services.rate(),
      decide: (state, _input, { events, prepared }) => events.deposited({ amount: state.balance * prepared }),
    });

export const account = declareAccount(10);

export const app: App<unknown, { readonly rate: () => Promise<number> }> = h.app({ entities: [account] });

/** The same with a snapshot every other record, so that keys leave memory all the time. */
export const busyApp: typeof app = h.app({ entities: [declareAccount(2)] });

export const services = { rate: async (): Promise<number> => 0.5 };

export const anonymous: Principal = { kind: "anonymous", id: "anonymous", tenant: "default", claims: {} };

export const stream = { tenant: "default", entity: "account", id: "a" };

/** A journal whose calls a test can look at or replace, one by one. */
export function intercepted(journal: Journal, overrides: (inner: Journal) => Partial<Journal>): Journal {
  return { ...journal, ...overrides(journal) };
}

export interface Counted {
  readonly journal: Journal;
  readonly calls: Record<"load" | "append" | "record" | "history" | "saveSnapshot" | "keys", number>;
  /** Records read by `load` and `history`. */
  readonly read: { records: number };
}

/** Counts what a journal is asked for. */
export function counted(inner: Journal): Counted {
  const calls = { load: 0, append: 0, record: 0, history: 0, saveSnapshot: 0, keys: 0 };
  const read = { records: 0 };
  const { keys } = inner;
  const journal: Journal = {
    ...inner,
    keys:
      keys.kind === "index"
        ? { kind: "index", find: (...args) => (calls.keys++, keys.find(...args)) }
        : { kind: "pages", load: (...args) => (calls.keys++, keys.load(...args)) },
    async load(...args) {
      calls.load++;
      const loaded = await inner.load(...args);
      read.records += loaded.records.length;
      return loaded;
    },
    append: (...args) => (calls.append++, inner.append(...args)),
    record: (...args) => (calls.record++, inner.record(...args)),
    async history(...args) {
      calls.history++;
      const records = await inner.history(...args);
      read.records += records.length;
      return records;
    },
    saveSnapshot: (...args) => (calls.saveSnapshot++, inner.saveSnapshot(...args)),
  };
  return { journal, calls, read };
}

/** A promise that a test resolves. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => void (open = resolve));
  return { opened, open: () => open() };
}

/** Lets everything that can go on go on. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 100; i++) await Promise.resolve();
}
