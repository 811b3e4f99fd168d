import { type Kysely, type Migration, sql } from 'kysely';

/** Where our tables are, and those of the scheduler. */
export const schema = 'digital_human';
export const workerSchema = 'digital_human_worker';
/** Told at every commit that changes a job; the payload is its revision and nothing else. */
export const channel = 'digital_human_jobs';
export const lookTask = 'look';

/** A job that waits for its lane is looked at by another process, should the one that took it be gone by then. */
const orphanMs = 5_000;

/**
 * `next_revision` raises the one counter that all writers share. Its row stays locked until the writer's
 * commit can be seen, so revisions become visible in their order: a reader that has seen 7 will never be
 * shown a 6. A sequence would not do, it gives numbers out and never mind who commits first. Writers
 * thereby commit one after another; they come by the dozen a second, and locks are always taken in the
 * order lane, counter, job.
 *
 * `plan` keeps one task of the scheduler for every job (`job_key` is its id), written by the same
 * transaction that changes the job, so neither can be without the other. The task says no more than that
 * somebody should look: what is done is decided by what the job's row says then.
 */
export const signals: Migration = {
  async up(database: Kysely<unknown>) {
    await sql`
      create or replace function ${sql.id(schema, 'next_revision')}() returns bigint language plpgsql as $$
      declare
        given bigint;
      begin
        update ${sql.id(schema, 'counters')} set value = value + 1 where name = 'revision' returning value into given;
        perform pg_notify(${sql.lit(channel)}, given::text);
        return given;
      end $$`.execute(database);
    await sql`
      create or replace function ${sql.id(schema, 'plan')}() returns trigger language plpgsql as $$
      declare
        at bigint := case
          when new.lease_until is not null then new.lease_until + 1
          when new.status = 'queued' then new.updated_at + ${sql.lit(orphanMs)}
          else new.due_at
        end;
      begin
        if at is null then
          perform ${sql.id(workerSchema, 'remove_job')}(new.id);
        else
          -- Never repeated by the scheduler: the row is, by its lease and its due time.
          perform ${sql.id(workerSchema, 'add_job')}(
            ${sql.lit(lookTask)}, '{}'::json, run_at := to_timestamp(at / 1000.0), max_attempts := 1, job_key := new.id
          );
        end if;
        return null;
      end $$`.execute(database);
    await sql`
      create or replace trigger plan after insert or update of status, due_at, lease_until on ${sql.id(schema, 'jobs')}
      for each row execute function ${sql.id(schema, 'plan')}()`.execute(database);
    await sql`
      create or replace function ${sql.id(schema, 'unplan')}() returns trigger language plpgsql as $$
      begin
        perform ${sql.id(workerSchema, 'remove_job')}(old.id);
        return null;
      end $$`.execute(database);
    await sql`
      create or replace trigger unplan after delete on ${sql.id(schema, 'jobs')}
      for each row execute function ${sql.id(schema, 'unplan')}()`.execute(database);
  },
};
