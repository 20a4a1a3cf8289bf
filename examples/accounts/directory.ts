import { holdfast } from "holdfast";
import * as z from "zod";

const h = holdfast();

const person = h
  .entity("person", {
    initial: () => ({ employed: false }),
    events: { hired: z.object({}), left: z.object({}) },
    evolve: { hired: () => ({ employed: true }), left: () => ({ employed: false }) },
  })
  .command("hire", { decide: ({ employed }, _input, { events }) => (employed ? [] : events.hired({})) })
  .command("leave", { decide: ({ employed }, _input, { events }) => (employed ? events.left({}) : []) });

/** Another service, of other people, deployed by itself: who works here. */
export default h.app({ entities: [person] });
