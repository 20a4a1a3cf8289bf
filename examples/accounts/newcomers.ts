import type { Worker } from "holdfast";
import * as z from "zod";
import { account, proof } from "./account.ts";
import { h, type Others } from "./holdfast.ts";

const newcomer = z.object({ person: z.string().min(1), proof });

/** Accounts that others ask for in a queue: they need not wait for us, nor we for them. */
export const newcomers: Worker<typeof newcomer, Others> = h.worker("newcomers", {
  queue: "newcomers",
  input: newcomer,
  handle: async ({ person, proof }, { call, log }) => {
    const registered = await call(account, person).register({ proof });
    log.info({ person, registered: registered.ok }, "a newcomer");
  },
});
