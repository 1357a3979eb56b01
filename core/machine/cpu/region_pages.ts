/** The records of regions (layout.ts): which pages a region was translated from. A record stays as it is while a pCPU executes its region. */
import {
  RECORD_COUNT,
  RECORD_LIST,
  RECORD_PAGES,
  RECORD_PAGE_HOST,
  RECORD_PAGE_SIZE,
  RECORD_SIZE,
  TRANSLATOR_RECORDS,
} from "../layout";

// @ts-ignore: decorator
@inline
export function recordOf(index: u32): usize {
  return TRANSLATOR_RECORDS + <usize>index * RECORD_SIZE;
}

/** Returns where the pages of a region are listed. */
export function pagesOf(record: usize): usize {
  const list = <usize>load<u32>(record, RECORD_LIST);
  return list ? list : record + RECORD_PAGES;
}

export function isFrameOf(index: u32, frame: u32): bool {
  const record = recordOf(index);
  const pages = pagesOf(record);
  for (let n: u32 = 0; n < load<u32>(record, RECORD_COUNT); n++)
    if (load<u32>(pages + <usize>n * RECORD_PAGE_SIZE, RECORD_PAGE_HOST) >> 12 == frame) return true;
  return false;
}
