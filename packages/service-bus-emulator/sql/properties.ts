import type { Content } from "../store/message.ts";
import type { Value } from "./logic.ts";

/** What a filter reads of a message. */
export interface Row {
  system(name: string): Value;
  user(name: string): Value;
  exists(scope: "system" | "user", name: string): boolean;
}

type Reader = (content: Content) => Value;

const readers: Readonly<Record<string, Reader>> = {
  contenttype: (content) => content.contentType,
  correlationid: (content) => content.correlationId,
  label: (content) => content.subject,
  messageid: (content) => content.messageId,
  replyto: (content) => content.replyTo,
  replytosessionid: (content) => content.replyToSessionId,
  sessionid: (content) => content.sessionId,
  subject: (content) => content.subject,
  to: (content) => content.to,
};

export function isSystemProperty(name: string): boolean {
  return Object.hasOwn(readers, name.toLowerCase());
}

function plain(value: unknown): Value {
  if (typeof value === "bigint") return Number(value);
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : undefined;
}

/** Names are compared without regard to case; of two that differ in nothing else the first one counts. */
export function rowOf(content: Content): Row {
  const properties = new Map<string, unknown>();
  for (const [name, value] of Object.entries(content.properties)) {
    const key = name.toLowerCase();
    if (!properties.has(key)) properties.set(key, value);
  }
  const system = (name: string): Value => readers[name.toLowerCase()]?.(content);
  return {
    system,
    user: (name) => plain(properties.get(name.toLowerCase())),
    exists: (scope, name) => (scope === "user" ? properties.has(name.toLowerCase()) : system(name) !== undefined),
  };
}
