import { etag, json, type Answer } from "./answer.ts";
import { inTime } from "./deadline.ts";
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
