/** The app that the handlers in this folder deploy. */
export { default } from "../examples/shop/app.ts";
