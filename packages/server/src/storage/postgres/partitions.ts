import type { PartitionedTable } from '../migrations.ts'
import { quoteName } from '../values.ts'
import { LOCKS } from './locks.ts'

/** A partition is kept this long after its range has passed, for proofs that are accepted within the clock tolerance. */
const GRACE_MS = 3_600_000

/** No partition is made further ahead than this: the serving role cannot fill the schema with them. */
const HORIZON_MS = 8 * 24 * 3_600_000

/** SQLSTATE of a range whose partition has been dropped. */
export const DROPPED_RANGE = 'CS001'

/** A literal of an SQL text; schema names come from the database. */
function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/**
 * The two rules that partition functions keep by the database's own clock: a range that may be dropped may not be made. That
 * clock can be moved too, so a range that was dropped is remembered besides, and never made again: a proof whose claim went
 * with it would be accepted a second time.
 */
export function partitionRules(): readonly string[] {
  const clock = '(extract(epoch from clock_timestamp()) * 1000)'
  return [
    `CREATE FUNCTION storage_may_create_partition(lower_bound BIGINT, upper_bound BIGINT) RETURNS BOOLEAN
      LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
      SELECT upper_bound > ${clock} - ${GRACE_MS} AND lower_bound < ${clock} + ${HORIZON_MS} $$`,
    `CREATE FUNCTION storage_may_drop_partition(upper_bound BIGINT) RETURNS BOOLEAN
      LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
      SELECT upper_bound <= ${clock} - ${GRACE_MS} $$`,
  ]
}

/** The functions through which the serving role, which owns nothing, has partitions of one table made and dropped. */
export function partitionFunctions({ table, spanMs }: PartitionedTable, schema: string): readonly string[] {
  quoteName(table)
  const inSchema = quoteText(schema)
  const qualified = (name: string): string => `"${schema.replaceAll('"', '""')}".${quoteName(name)}`
  const span = Math.trunc(spanMs)
  // By a query and not by to_regclass: the latter may answer from before the wait for the lock.
  const isDropped = `EXISTS (SELECT FROM ${qualified('dropped_ranges')} d
          WHERE d.table_name = '${table}' AND d.before_value > lower_bound)`
  const refuseDropped = `RAISE EXCEPTION 'rows of ${table} have been dropped here' USING ERRCODE = '${DROPPED_RANGE}';`
  const exists = `EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE n.nspname = ${inSchema} AND c.relname = partition_name)`
  return [
    // Made beside its table and then attached: PARTITION OF would lock the table against every writer.
    `CREATE FUNCTION storage_ensure_${table}(row_value BIGINT) RETURNS VOID
      LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '3s' AS $$
      DECLARE
        lower_bound BIGINT := (row_value / ${span}) * ${span};
        upper_bound BIGINT := (row_value / ${span}) * ${span} + ${span};
        partition_name TEXT := '${table}_p' || (row_value / ${span}) * ${span};
      BEGIN
        IF ${isDropped} THEN ${refuseDropped} END IF;
        IF row_value < 0 OR NOT ${qualified('storage_may_create_partition')}(lower_bound, upper_bound) THEN
          RAISE EXCEPTION 'no partition of ${table} may be made for this value' USING ERRCODE = 'check_violation';
        END IF;
        IF ${exists} THEN RETURN; END IF;
        PERFORM pg_advisory_xact_lock(${LOCKS.partitions});
        IF ${exists} THEN RETURN; END IF;
        -- Asked again under the lock: it may have been dropped meanwhile.
        IF ${isDropped} THEN ${refuseDropped} END IF;
        EXECUTE format('CREATE TABLE %I.%I (LIKE %I.%I INCLUDING ALL)', ${inSchema}, partition_name, ${inSchema}, '${table}');
        EXECUTE format('ALTER TABLE %I.%I ATTACH PARTITION %I.%I FOR VALUES FROM (%s) TO (%s)',
          ${inSchema}, '${table}', ${inSchema}, partition_name, lower_bound, upper_bound);
      END $$`,
    `CREATE FUNCTION storage_drop_${table}(before_value BIGINT) RETURNS BIGINT
      LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '3s' AS $$
      DECLARE
        partition_name TEXT;
        upper_bound BIGINT;
        dropped BIGINT := 0;
      BEGIN
        PERFORM pg_advisory_xact_lock(${LOCKS.partitions});
        FOR partition_name IN
          SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
          WHERE i.inhparent = format('%I.%I', ${inSchema}, '${table}')::regclass ORDER BY substring(c.relname FROM '_p([0-9]+)$')::BIGINT
        LOOP
          -- One at a time, the oldest first: a clock that is ahead for a minute must not take a day of them.
          EXIT WHEN dropped > 0;
          upper_bound := substring(partition_name FROM '_p([0-9]+)$')::BIGINT + ${span};
          IF upper_bound <= before_value AND ${qualified('storage_may_drop_partition')}(upper_bound) THEN
            INSERT INTO ${qualified('dropped_ranges')} AS d (table_name, before_value) VALUES ('${table}', upper_bound)
              ON CONFLICT (table_name) DO UPDATE SET before_value = greatest(d.before_value, excluded.before_value);
            EXECUTE format('DROP TABLE %I.%I', ${inSchema}, partition_name);
            dropped := dropped + 1;
          END IF;
        END LOOP;
        RETURN dropped;
      END $$`,
    `REVOKE ALL ON FUNCTION storage_ensure_${table}(BIGINT), storage_drop_${table}(BIGINT) FROM PUBLIC`,
  ]
}
