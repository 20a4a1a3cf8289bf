import { HoldfastError } from "../core/errors.ts";
import { etag, json, type Answer } from "./answer.ts";
import { onBehalf, type EntityExchange, type HttpContext } from "./exchange.ts";
import { noneMatches } from "./headers.ts";

/** `GET /api/{entity}/{id}`: the public view as it is at a time after the request arrived. */
export async function showView(http: HttpContext, exchange: EntityExchange): Promise<Answer> {
  const { header, definition, id } = exchange;
  const viewed = await onBehalf(http, exchange, (principal) =>
    inTime(http, http.runtime.view({ entity: definition.name, id, principal })),
  );
  const headers = { ETag: etag(viewed.version) };
  if (noneMatches(header("if-none-match"), viewed.version)) return { status: 304, headers, body: null };
  return json(viewed.view, headers);
}

/** A read that takes too long is given up: it has no effects that anybody could wonder about. */
export function inTime<T>({ deadlines }: HttpContext, work: Promise<T>): Promise<T> {
  return deadlines.bound(work, () => {
    return new HoldfastError("deadline-exceeded", "The read took too long.", { retry: "later", retryAfterMs: 1_000 });
  });
}
