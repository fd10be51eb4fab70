import { ApiError } from "./api-error.ts";
import { checkContent, checkNotes, checkTtl, fullName, isProxiable, type RecordType } from "./dns-validation.ts";
import type { Collection } from "./store.ts";
import { hexId, type Zone } from "./zones.ts";

/** Times are ISO 8601. */
export interface DnsRecord {
  id: string;
  zoneId: string;
  type: RecordType;
  /** Whole host name. */
  name: string;
  content: string;
  proxied: boolean;
  /** Seconds; 1 is automatic. */
  ttl: number;
  priority?: number | undefined;
  comment: string | null;
  settings: Record<string, unknown>;
  createdOn: string;
  modifiedOn: string;
  commentModifiedOn?: string | undefined;
}

/** A record as it is asked for. */
export interface WantedRecord {
  type: RecordType;
  name: string;
  content: string;
  proxied?: boolean | undefined;
  ttl?: number | undefined;
  priority?: number | undefined;
  comment?: string | null | undefined;
  tags?: readonly string[] | undefined;
  settings?: Record<string, unknown> | undefined;
}

const ADDRESS_TYPES: ReadonlySet<RecordType> = new Set(["A", "AAAA", "CNAME"]);

/** The records of all zones. */
export class DnsRecords {
  readonly #records = new Map<string, DnsRecord>();
  readonly #byName = new Map<string, DnsRecord[]>();
  readonly #collection: Collection<DnsRecord>;
  readonly #now: () => number;
  readonly #limit: number;

  constructor(collection: Collection<DnsRecord>, now: () => number, limit: number) {
    this.#collection = collection;
    this.#now = now;
    this.#limit = limit;
    for (const record of collection.all().toSorted((a, b) => a.createdOn.localeCompare(b.createdOn)))
      this.#remember(record);
  }

  /** Oldest first. */
  of(zone: Zone): DnsRecord[] {
    return [...this.#records.values()].filter((record) => record.zoneId === zone.id);
  }

  find(id: string): DnsRecord | undefined {
    return this.#records.get(id);
  }

  /** Throws 81044. */
  get(zone: Zone, id: string): DnsRecord {
    const record = this.#records.get(id);
    if (record?.zoneId !== zone.id) throw new ApiError(404, 81_044, "Record does not exist.");
    return record;
  }

  named(host: string): readonly DnsRecord[] {
    return this.#byName.get(host) ?? [];
  }

  create(zone: Zone, wanted: WantedRecord): DnsRecord {
    if (this.of(zone).length >= this.#limit) throw new ApiError(400, 81_045, "Record quota exceeded.");
    const time = this.#time();
    return this.#save(this.#build(zone, wanted, { id: hexId(), createdOn: time }, time));
  }

  /** Replaces the whole record but its id. */
  replace(zone: Zone, id: string, wanted: WantedRecord): DnsRecord {
    const before = this.get(zone, id);
    return this.#save(this.#build(zone, wanted, before, this.#time()));
  }

  /** Changes what is given. */
  update(zone: Zone, id: string, changes: { [F in keyof WantedRecord]?: WantedRecord[F] | undefined }): DnsRecord {
    const before = this.get(zone, id);
    const given = Object.entries(changes).filter(([, value]) => value !== undefined);
    return this.replace(zone, id, { ...before, ...Object.fromEntries(given) });
  }

  delete(zone: Zone, id: string): void {
    this.#forget(this.get(zone, id));
  }

  deleteAll(zone: Zone): void {
    for (const record of this.of(zone)) this.#forget(record);
  }

  #build(
    zone: Zone,
    wanted: WantedRecord,
    before: Pick<DnsRecord, "id" | "createdOn"> & Partial<DnsRecord>,
    time: string,
  ): DnsRecord {
    const name = fullName(wanted.name, zone.name);
    const proxied = wanted.proxied ?? false;
    const comment = wanted.comment || null;
    checkNotes(comment, wanted.tags ?? []);
    if (proxied && !isProxiable(wanted.type)) throw new ApiError(400, 9004, "This record type cannot be proxied.");
    const content = checkContent(wanted.type, name, wanted.content);
    this.#refuseClash(before.id, wanted.type, name, content);
    return {
      id: before.id,
      zoneId: zone.id,
      type: wanted.type,
      name,
      content,
      proxied,
      ttl: checkTtl(wanted.ttl ?? 1, proxied),
      ...(wanted.type === "MX" && { priority: wanted.priority ?? 0 }),
      comment,
      settings: wanted.settings ?? {},
      createdOn: before.createdOn,
      modifiedOn: time,
      commentModifiedOn: comment === (before.comment ?? null) ? before.commentModifiedOn : time,
    };
  }

  /** A CNAME tolerates no other address record of its name; otherwise only identical records clash. */
  #refuseClash(id: string, type: RecordType, name: string, content: string): void {
    const others = this.named(name).filter((record) => record.id !== id);
    if (type === "CNAME" && others.some((other) => ADDRESS_TYPES.has(other.type)))
      throw new ApiError(400, 81_053, "An A, AAAA, or CNAME record with that host already exists.");
    if (ADDRESS_TYPES.has(type) && others.some((other) => other.type === "CNAME"))
      throw new ApiError(400, 81_054, "A CNAME record with that host already exists.");
    if (!others.some((other) => other.type === type && other.content === content)) return;
    if (type === "TXT") throw new ApiError(400, 81_057, "Record already exists.");
    throw new ApiError(400, 81_058, "An identical record already exists.");
  }

  #save(record: DnsRecord): DnsRecord {
    const before = this.#records.get(record.id);
    this.#collection.put(record.id, record);
    if (before) this.#unindex(before);
    this.#remember(record);
    return record;
  }

  #remember(record: DnsRecord): void {
    this.#records.set(record.id, record);
    this.#byName.set(record.name, [...this.named(record.name), record]);
  }

  #forget(record: DnsRecord): void {
    this.#collection.delete(record.id);
    this.#records.delete(record.id);
    this.#unindex(record);
  }

  #unindex(record: DnsRecord): void {
    const others = this.named(record.name).filter((other) => other.id !== record.id);
    if (others.length > 0) this.#byName.set(record.name, others);
    else this.#byName.delete(record.name);
  }

  #time(): string {
    return new Date(this.#now()).toISOString();
  }
}
