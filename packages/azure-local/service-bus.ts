import { always, type Listener, type ListenerOptions } from "./listener.ts";
import { listenToMessages } from "./messages-listener.ts";
import { listenToSessions } from "./sessions-listener.ts";
import type { ServiceBusTrigger } from "./triggers.ts";

export type { Listener, ListenerOptions } from "./listener.ts";

/**
 * Listens as the trigger does: a message is completed when the function has returned, given back at once when it has
 * thrown. Where the function's process has died nobody settles: it comes again when its lock has run out. While there is
 * no process nothing is taken, and no lock renewed.
 * Source: learn.microsoft.com/azure/azure-functions/functions-bindings-service-bus-trigger
 */
export function listen(trigger: ServiceBusTrigger, options: ListenerOptions): Listener {
  const all = { presence: always, ...options };
  return trigger.hasSessions ? listenToSessions(trigger, all) : listenToMessages(trigger, all);
}
