import { dependency, on, type Subscription } from "holdfast";
import { account } from "./account.ts";
import { h, type Others } from "./holdfast.ts";

export const mail = dependency("mail", { timeoutMs: 5_000 });

/** Tells people what was done to their accounts. While the mail server is down letters wait, for days if need be, and none is lost. */
export const letters: Subscription<Others> = h.subscription("letters", {
  to: [on(account.events.passwordChanged), on(account.events.locked)],
  handle: async ({ type, subject: to }, { log, reach, services }) => {
    const text = type === "account.locked" ? "Your account is locked for now." : "Your password was changed.";
    // The key is the same however often the event is delivered.
    await reach(mail, (reached) => services.mail.send({ to, text }, reached));
    log.info({ to }, text);
  },
});
