import type { ApiErrorData } from "./schema.ts";

/** Thrown by the handler of a request; the client gets code and sentence. */
export class ApiFailure extends Error {
  override readonly name = "ApiFailure";
  readonly data: ApiErrorData;
  constructor(code: string, message: string, diagnostics?: ApiErrorData["diagnostics"]) {
    super(message);
    this.data = { code, message, ...(diagnostics && { diagnostics }) };
  }
}
