import type { EntityDefinition } from "../core/entity/definition.ts";
import { HoldfastError } from "../core/errors.ts";
import type { Answer } from "./answer.ts";
import { runCommand } from "./command.ts";
import { showEvents } from "./events.ts";
import type { EntityExchange, Exchange, HttpContext } from "./exchange.ts";
import { shown } from "./headers.ts";
import { readMethods, refuseMethod, writeMethods } from "./methods.ts";
import { apiParts, decodeId, decodeName } from "./path.ts";
import { showView } from "./view.ts";

/** Routes what is below `/api`, by the path as it was sent: unknown names first, then the method, then the id. */
export function answerApi(http: HttpContext, exchange: Exchange, path: string): Answer | Promise<Answer> {
  const { about } = exchange;
  const parts = apiParts(path);
  if (parts === undefined) throw nothingHere();
  const definition = definitionOf(http, parts.entity);
  about.entity = definition.name;
  const addressed = (): EntityExchange => {
    about.id = decodeId(parts.id);
    return { ...exchange, definition, id: about.id };
  };

  if (parts.command === undefined) {
    about.route = "/api/{entity}/{id}";
    return refuseMethod(exchange, readMethods) ?? showView(http, addressed());
  }
  const name = decodeName(parts.command);
  if (name === "events") {
    about.route = "/api/{entity}/{id}/events";
    return refuseMethod(exchange, readMethods) ?? showEvents(http, addressed());
  }
  about.route = "/api/{entity}/{id}/{command}";
  const command = name === undefined ? undefined : definition.commands.get(name);
  if (command === undefined) {
    const asked = shown(name ?? parts.command);
    const isSignal = definition.workflow !== undefined && asked.startsWith("signal-");
    const what = isSignal ? `signal "${asked.slice("signal-".length)}"` : `command "${asked}"`;
    throw new HoldfastError("unknown-command", `Entity "${definition.name}" has no ${what}.`);
  }
  about.command = command.name;
  return refuseMethod(exchange, writeMethods) ?? runCommand(http, addressed(), command);
}

function definitionOf({ runtime }: HttpContext, segment: string): EntityDefinition {
  const name = decodeName(segment);
  const definition = name === undefined ? undefined : runtime.app.entities.get(name);
  if (definition !== undefined) return definition;
  throw new HoldfastError("unknown-entity", `There is no entity "${shown(name ?? segment)}".`);
}

export function nothingHere(): HoldfastError {
  return new HoldfastError("not-found", "There is nothing here. Entities are at /api/{entity}/{id}.");
}
