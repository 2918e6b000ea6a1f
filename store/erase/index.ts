export { EraseMirror, IMPERSONAL_TABLES, type Found } from "./erase-mirror.js";
export { longIdsOf, quotes, type Subject } from "./subject.js";
