import { useEffect, useState } from "react";
import type { CrashReport } from "../../core/api/schema.ts";
import { request } from "../state/session.ts";

/** What the host has recorded of a domain's crash: null if it did not crash, undefined until it is known. */
export function useCrashReport(domid: number, crashed: boolean): CrashReport | null | undefined {
  const [report, setReport] = useState<CrashReport | null | undefined>(undefined);
  useEffect(() => {
    if (!crashed) {
      setReport(null);
      return;
    }
    let current = true;
    request("crashReport", { domid }).then(
      (found) => current && setReport(found),
      () => current && setReport(null),
    );
    return () => {
      current = false;
    };
  }, [domid, crashed]);
  return report;
}
