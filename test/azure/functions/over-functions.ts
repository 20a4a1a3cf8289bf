import { HttpRequest, HttpResponse } from "@azure/functions";
import { createHttp } from "holdfast/http";
import { decodedPath, encodedPath } from "../../../packages/azure-local/paths.ts";
import { answerHttp } from "../../../src/azure/functions/http.ts";
import type * as fixtures from "../../http/fixtures.ts";

type Fixtures = typeof fixtures;

/** The fixtures of test/http, but each request goes through the library's request, the function and the library's answer. */
export function overFunctions(original: Fixtures): Fixtures {
  return {
    ...original,
    createFixture(options = {}) {
      const fixture = original.createFixture(options);
      const { runtime, system } = fixture;
      const { authenticate = original.authenticate, live: _live, Response: _response, ...bounds } = options.http ?? {};
      const http = createHttp(runtime, { ...bounds, authenticate });
      return {
        ...fixture,
        async send(method, path, options = {}) {
          const { headers = {}, json, body, env } = options;
          // What is still on its way reaches no function: the host has the whole body.
          if (body instanceof ReadableStream) return fixture.send(method, path, options);
          const { pathname, search } = new URL(path, "http://holdfast.test");
          const text = json === undefined ? undefined : JSON.stringify(json);
          const bytes =
            text === undefined ? (body == null ? undefined : await new Response(body).bytes()) : Buffer.from(text);
          const [sent = "", query = ""] = (env?.target ?? `${pathname}${search}`).split(/(?=\?)(.*)/s);
          const given = decodedPath(sent) ?? "/";
          const request = new HttpRequest({
            method,
            url: `https://shop.azurewebsites.net${encodedPath(given)}${query}`,
            headers: { ...(json !== undefined && { "content-type": "application/json" }), ...headers },
            params: { path: given.slice(1) },
            ...(bytes && { body: { bytes } }),
          });
          const answer = new HttpResponse(await answerHttp(request, async () => http, system));
          const { status } = answer;
          const content = await answer.arrayBuffer();
          return new Response(content.byteLength === 0 ? null : content, { status, headers: [...answer.headers] });
        },
      };
    },
  };
}
