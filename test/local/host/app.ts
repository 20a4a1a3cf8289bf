import { accept, holdfast, type App } from "holdfast";
import * as z from "zod";

export interface Services {
  /** Called when a `slow` command is prepared; it goes on when the promise does. */
  readonly slow: () => Promise<void>;
}

const h = holdfast<Services>();
const value = z.object({ value: z.number() });

const counter = h
  .entity("counter", {
    initial: () => ({ total: 0 }),
    events: { added: value },
    evolve: { added: ({ total }, { value }) => ({ total: total + value }) },
    history: true,
  })
  .command("add", {
    input: value,
    decide: (state, input, { events }) =>
      accept([events.added(input)], { reply: { total: state.total + input.value } }),
  })
  .command("slow", {
    prepare: (_input, { services }) => services.slow(),
    decide: (_state, _input, { events }) => events.added({ value: 1 }),
  })
  .command("ping", { decide: () => accept([], { reply: "pong" }) })
  .command("any", { input: z.unknown(), decide: () => accept([], { reply: "taken" }) });

export const app: App<unknown, Services> = h.app({ entities: [counter] });
