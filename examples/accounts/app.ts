import { account } from "./account.ts";
import { h } from "./holdfast.ts";
import { letters } from "./letters.ts";
import { newcomers } from "./newcomers.ts";

/** Accounts, as one small service among others that may be slow, or down. */
export default h.app({ entities: [account], subscriptions: [letters], workers: [newcomers] });
