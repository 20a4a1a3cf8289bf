import { register } from "holdfast/azure/functions";
import { shopServices } from "../../examples/shop/services.ts";
import app from "../app.ts";

// The shop on Azure, as the function app's settings say. Everybody may fill a cart: this is an example.
register(app, { services: () => shopServices(process.env), public: true, authLevel: "anonymous" });
