import { createContainer, createHttpHandler, type HttpEvent } from "holdfast/aws/lambda";
import type * as fixtures from "../../http/fixtures.ts";
import { lambdaContext, responseOf, type Sent } from "./fixtures.ts";

type Fixtures = typeof fixtures;

/** The fixtures of test/http, but each request goes through an event, the handler and its answer. */
export function overLambda(original: Fixtures, eventOf: (sent: Sent) => HttpEvent): Fixtures {
  return {
    ...original,
    createFixture(options = {}) {
      const fixture = original.createFixture(options);
      const { runtime, journal, system } = fixture;
      const { authenticate = original.authenticate, live: _live, Response: _response, ...http } = options.http ?? {};
      // The same for all requests, as a container has it.
      const instance = { runtime, journal, system, services: undefined };
      const container = {
        ...createContainer(runtime.app, {
          system,
          open: () => Promise.reject(new Error("not asked")),
          openMessaging: () => Promise.reject(new Error("not asked")),
        }),
        instance: async () => instance,
      };
      const handler = createHttpHandler(container, {
        public: true,
        authenticate: (_event, request) => authenticate(request),
        http,
      });
      return {
        ...fixture,
        async send(method, path, options = {}) {
          const { headers = {}, json, body, env } = options;
          // What is still on its way reaches no function: an event has the whole body.
          if (body instanceof ReadableStream) return fixture.send(method, path, options);
          const { pathname, search } = new URL(path, "http://holdfast.test");
          const text = json === undefined ? undefined : JSON.stringify(json);
          const bytes = text ?? (body == null ? undefined : new Uint8Array(await new Response(body).arrayBuffer()));
          const typed = json === undefined ? {} : { "content-type": "application/json" };
          const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
          const event = eventOf({
            method,
            target: env?.target ?? `${pathname}${search}`,
            headers: { ...typed, ...lower },
            ...(bytes !== undefined && { body: bytes }),
          });
          // As it travels.
          const sent = JSON.parse(JSON.stringify(event)) as HttpEvent;
          return responseOf(JSON.parse(JSON.stringify(await handler(sent, lambdaContext(system)))));
        },
      };
    },
  };
}
