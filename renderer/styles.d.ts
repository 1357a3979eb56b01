/** Styles are imported for their effect: Vite bundles them, and TypeScript is told only that they may be imported. */
declare module "*.css";
