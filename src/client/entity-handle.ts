import type { Result } from "../core/entity/types.ts";
import { unexpectedAnswer, type Answer } from "./answer.ts";
import { ClientError } from "./client-error.ts";
import { checkWhole, entityPath } from "./path.ts";
import { send, type Request, type Wire } from "./send.ts";
import type { CallOptions, HistoryPage, Viewed } from "./types.ts";
import { watch, withoutEntity, type WireEvent } from "./watch.ts";

/** The reads of a handle, before types. */
export interface UntypedReads {
  $view(): Promise<Viewed<unknown>>;
  $history(range?: { readonly after?: number; readonly limit?: number }): Promise<HistoryPage<WireEvent>>;
  $watch(range?: { readonly after?: number }): AsyncIterable<WireEvent>;
}

export interface EntityHandle {
  readonly reads: UntypedReads;
  command(name: string, input: unknown): Promise<Result>;
}

/** Codes of a server that does not take the time in our key; it has then run nothing. */
const untimely: ReadonlySet<string> = new Set(["invalid-idempotency-key", "idempotency-key-expired"]);

/** One entity, as its handle and its commands reach it. `clock.wrong` is shared: this device's clock is of no use. */
export function createEntityHandle(
  wire: Wire,
  clock: { wrong: boolean },
  entity: string,
  id: string,
  options: CallOptions,
): EntityHandle {
  const { platform } = wire;
  const { signal } = options;

  const deadline = (): number => platform.now() + (options.timeoutMs ?? wire.options.timeoutMs ?? 30_000);

  function get<T>(rest: string, read: (answer: Answer) => T): Promise<T> {
    return send(wire, { method: "GET", path: entityPath(entity, id) + rest, headers: {} }, deadline(), signal, read);
  }

  async function command(name: string, input: unknown): Promise<Result> {
    const path = `${entityPath(entity, id)}/${name}`;
    const body = toJson(input);
    const until = deadline();
    const { key, ifMatch } = options;
    if (ifMatch !== undefined) checkWhole("invalid-if-match", "ifMatch", ifMatch);
    const attempt = async (key: string): Promise<Result> => {
      const headers = {
        "Idempotency-Key": quoted(key),
        ...(ifMatch !== undefined && { "If-Match": `"${ifMatch}"` }),
        ...(body !== undefined && { "Content-Type": "application/json" }),
      };
      const request: Request = { method: "POST", path, headers, body };
      try {
        return await send(wire, request, until, signal, toResult);
      } catch (error) {
        throw Object.assign(error as ClientError, { key });
      }
    };
    if (key !== undefined) return attempt(key);
    const newId = platform.newId();
    if (clock.wrong) return attempt(newId);
    try {
      return await attempt(`hf1.${platform.now()}.${newId}`);
    } catch (error) {
      const { attempts, code } = error as ClientError;
      // Only an answer to the first attempt proves that nothing has run under this key.
      if (attempts !== 1 || !untimely.has(code)) throw error;
      clock.wrong = true;
      return attempt(newId);
    }
  }

  return {
    command,
    reads: {
      $view: async () => get("", (answer) => ({ view: answer.body, version: versionIn(answer) })),
      async $history({ after = 0, limit = 100 } = {}) {
        checkWhole("invalid-query", "after", after);
        checkWhole("invalid-query", "limit", limit, 1, 1_000);
        return get(`/events?after=${after}&limit=${limit}`, toPage);
      },
      async *$watch({ after = 0 } = {}) {
        checkWhole("invalid-query", "after", after);
        yield* watch(wire, `${entityPath(entity, id)}/events`, after, signal);
      },
    },
  };
}

function toResult(answer: Answer): Result {
  const { body, rejection, replayed } = answer;
  const version = versionIn(answer);
  return rejection ? { ok: false, ...rejection, version, replayed } : { ok: true, reply: body, version, replayed };
}

function toPage({ body }: Answer): HistoryPage<WireEvent> {
  const { events, next } = (body ?? {}) as Partial<HistoryPage<WireEvent>>;
  if (!Array.isArray(events)) throw unexpectedAnswer("it has no events");
  return { events: events.map(withoutEntity), next };
}

function versionIn({ version }: Answer): number {
  if (version !== undefined) return version;
  throw unexpectedAnswer(
    "it has no ETag (of another origin it must be exposed: Access-Control-Expose-Headers: ETag, Idempotency-Replayed, Retry-After)",
  );
}

/** @throws ClientError `malformed-json` for what JSON.stringify refuses: cycles, bigints */
function toJson(input: unknown): string | undefined {
  try {
    return JSON.stringify(input);
  } catch (cause) {
    throw new ClientError("malformed-json", `The input cannot be sent as JSON: ${(cause as Error).message}`, { cause });
  }
}

/** Bare, a comma would look like two keys. Source: RFC 8941, section 3.3.3. */
function quoted(key: string): string {
  return /[,"]/.test(key) ? `"${key.replaceAll(/["\\]/g, "\\$&")}"` : key;
}
