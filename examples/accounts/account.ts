import { createHash } from "node:crypto";
import { accept, dependency, reject } from "holdfast";
import * as z from "zod";
import { h } from "./holdfast.ts";

/**
 * What a client makes of a password: `scrypt(password, account)`, 32 bytes in base64url. The password itself never gets here, nor into a
 * log or an idempotency key's fingerprint, and guessing it takes a scrypt each time.
 */
export const proof = z.string().regex(/^[\w-]{43}$/);

/** What is stored of a proof: to know it is not enough to log in. */
const verifierOf = (account: string, given: string): string =>
  createHash("sha256").update(`${account}\0${given}`).digest("base64url");

/** Slow at times. Nobody waits for it for longer than half a second, nor at all while it is down. */
export const directory = dependency("directory", { timeoutMs: 500, retry: { attempts: 2 }, openMs: 2_000 });

const session = (id: string | null): { readonly session: string | null } => ({ session: id });

const wrongMax = 5;
const lockMs = 15 * 60_000;

/** Somebody's account. Changing the password asks the directory; logging in asks nobody. */
export const account = h
  .entity("account", {
    initial: () => ({ verifier: "", wrong: 0, locked: false, changes: 0 }),
    events: {
      registered: z.object({ verifier: z.string() }),
      passwordChanged: z.object({ verifier: z.string() }),
      loggedIn: z.object({}),
      logInFailed: z.object({}),
      locked: z.object({}),
      unlocked: z.object({}),
    },
    evolve: {
      registered: (state, { verifier }) => ({ ...state, verifier }),
      passwordChanged: (state, { verifier }) => ({ ...state, verifier, changes: state.changes + 1 }),
      loggedIn: (state) => ({ ...state, wrong: 0 }),
      logInFailed: (state) => ({ ...state, wrong: state.wrong + 1 }),
      locked: (state) => ({ ...state, locked: true }),
      unlocked: (state) => ({ ...state, locked: false, wrong: 0 }),
    },
    view: ({ verifier, locked, changes }) => ({ registered: verifier !== "", locked, changes }),
    startsWith: ["register"],
  })
  .command("register", {
    input: z.object({ proof }),
    decide: ({ verifier }, { proof }, { events, id }) =>
      verifier === ""
        ? events.registered({ verifier: verifierOf(id, proof) })
        : reject("account-exists", "There is an account of that name."),
  })
  .command("changePassword", {
    input: z.object({ old: proof, new: proof }),
    prepare: (_input, { id, reach, services }) =>
      reach(directory, (reached) => services.directory.employs(id, reached)),
    decide: ({ verifier, changes }, input, { events, id, prepared: isEmployed }) => {
      if (!isEmployed) return reject("not-employed", "Who does not work here changes nothing here.", { status: 403 });
      if (verifier !== verifierOf(id, input.old)) return reject("wrong-password", "The old password is another one.");
      return accept(events.passwordChanged({ verifier: verifierOf(id, input.new) }), {
        reply: { changes: changes + 1 },
      });
    },
  })
  .command("unlock", { decide: ({ locked }, _input, { events }) => (locked ? events.unlocked({}) : []) })
  .command("logIn", {
    input: z.object({ proof }),
    decide: ({ verifier, wrong, locked }, input, { events, id, newId, schedule }) => {
      if (locked) return reject("account-locked", "Too many wrong passwords; come back in a quarter of an hour.");
      if (verifier === verifierOf(id, input.proof)) return accept(events.loggedIn({}), { reply: session(newId()) });
      // A wrong password is no rejection: it is to be remembered.
      if (wrong + 1 < wrongMax) return accept(events.logInFailed({}), { reply: session(null) });
      schedule("unlock", { afterMs: lockMs }).unlock();
      return accept([events.logInFailed({}), events.locked({})], { reply: session(null) });
    },
  });
