import type { WorldOptions } from "holdfast/simulation";
import { account } from "./account.ts";
import type { Others } from "./holdfast.ts";

/** What is outside: who works here, and which letters were sent, each once for a key. */
interface World {
  readonly gone: ReadonlySet<string>;
  readonly letters: Map<string, string>;
}

const people = ["ada", "bob", "eve"];
const proofs = ["A", "B", "C"].map((letter) => letter.repeat(43));

/** People who change their passwords, log in, and mistype; the directory and the mail server fail as all that is outside does. */
export const accountsWorld: WorldOptions<Others, World> = {
  outside: () => ({ gone: new Set(["eve"]), letters: new Map() }),
  services: ({ gone, letters }, unreliable) => ({
    directory: unreliable("directory", { employs: async (person: string) => !gone.has(person) }),
    mail: unreliable("mail", {
      async send({ to, text }: { readonly to: string; readonly text: string }, { key }: { readonly key: string }) {
        letters.set(key, `${to}: ${text}`);
      },
    }),
  }),
  async step({ random, pick, call, send, view }) {
    const id = pick(people);
    const chance = random();
    if (chance < 0.2) await call(account, id).register({ proof: pick(proofs) });
    else if (chance < 0.3) await send("newcomers", { person: id, proof: pick(proofs) });
    else if (chance < 0.6) await call(account, id).changePassword({ old: pick(proofs), new: pick(proofs) });
    else if (chance < 0.9) await call(account, id).logIn({ proof: pick(proofs) });
    else await view(account, id);
  },
  invariants: {
    "a letter was sent for each change, and no other": ({ entities, outside, deadLetters }) => {
      for (const { id, events } of entities(account)) {
        if (deadLetters.some((letter) => letter.id === id)) continue;
        const due = events.filter(({ type }) => type === "passwordChanged" || type === "locked").length;
        const sent = [...outside.letters.values()].filter((letter) => letter.startsWith(`${id}: `)).length;
        if (due !== sent) return `${id} should have ${due} letters, and has ${sent}`;
      }
      return true;
    },
    "who does not work here has changed nothing": ({ entities, outside }) =>
      entities(account).every(({ id, state }) => !outside.gone.has(id) || state.changes === 0),
    "nobody is locked for ever": ({ entities }) => entities(account).every(({ state }) => !state.locked),
  },
};
