-- A matcher on PostgreSQL with the line's rules: lanes, rings with their openings, oldest score + opening first.
-- Every step is one function, one round trip, one commit. Times are seconds since the epoch.

CREATE TABLE lane (id int PRIMARY KEY, district text NOT NULL, skill text NOT NULL, language text NOT NULL);
CREATE INDEX ON lane (skill, language);

CREATE TABLE agent (
  id text PRIMARY KEY, district text NOT NULL, skills text[] NOT NULL, languages text[] NOT NULL,
  state text NOT NULL, since float8 NOT NULL, ticket text, lease float8 NOT NULL, free_from float8 NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE ticket (
  id text PRIMARY KEY, lane int NOT NULL, score float8 NOT NULL, joined float8 NOT NULL, state text NOT NULL,
  epoch int NOT NULL DEFAULT 0, agent text, expires float8
) WITH (fillfactor = 50);
CREATE INDEX ticket_heads ON ticket (lane, score) WHERE state = 'waiting';
CREATE INDEX ticket_expires ON ticket (expires) WHERE state = 'offered';

CREATE TABLE news (id bigserial PRIMARY KEY, kind text, at float8, ticket text, agent text, epoch int, extra jsonb);

-- Seconds after the score at which an agent of one district may serve another's citizen.
CREATE TABLE ring (helping text, home text, opening float8, PRIMARY KEY (helping, home));

CREATE FUNCTION join_line(t text, l int, now float8) RETURNS void LANGUAGE sql AS $$
  INSERT INTO ticket (id, lane, score, joined, state) VALUES (t, l, now, now, 'waiting') ON CONFLICT DO NOTHING;
  INSERT INTO news (kind, at, ticket, extra) VALUES ('ticket.joined', now, t, jsonb_build_object('lane', l));
$$;

CREATE FUNCTION wrap_up(a text, t text, now float8) RETURNS void LANGUAGE sql AS $$
  DELETE FROM ticket WHERE id = t AND agent = a AND state = 'serving';
  UPDATE agent SET state = 'wrap_up', since = now, lease = now + 6, free_from = now WHERE id = a AND ticket = t;
  INSERT INTO news (kind, at, ticket, agent) VALUES ('ticket.left', now, t, a), ('agent.wrap_up', now, t, a);
$$;

-- Offer the ticket (locked already) to the agent.
CREATE FUNCTION offer(a text, chosen text, now float8) RETURNS text LANGUAGE plpgsql AS $$
DECLARE numbered int;
BEGIN
  UPDATE ticket SET state = 'offered', agent = a, epoch = epoch + 1, expires = now + 20
    WHERE id = chosen RETURNING epoch INTO numbered;
  UPDATE agent SET state = 'offered', since = now, ticket = chosen, lease = now + 6 WHERE id = a;
  INSERT INTO news (kind, at, ticket, agent, epoch) VALUES ('agent.available', now, NULL, a, 0),
    ('offer.made', now, chosen, a, numbered);
  RETURN chosen || '/' || numbered;
END $$;

-- Tuned: the head of each lane the agent may serve by one index look each, the best of them, locked; if somebody
-- else has it already, look again.
CREATE FUNCTION next_tuned(a text, now float8) RETURNS text LANGUAGE plpgsql AS $$
DECLARE me agent; best record; locked text;
BEGIN
  SELECT * INTO me FROM agent WHERE id = a FOR UPDATE;
  FOR attempt IN 1..20 LOOP
    SELECT l.id AS lane INTO best
      FROM lane l JOIN ring r ON r.helping = me.district AND r.home = l.district
      CROSS JOIN LATERAL (SELECT score FROM ticket WHERE lane = l.id AND state = 'waiting' ORDER BY score LIMIT 1) h
      WHERE l.skill = ANY (me.skills) AND l.language = ANY (me.languages) AND h.score + r.opening <= now
      ORDER BY h.score + r.opening LIMIT 1;
    EXIT WHEN NOT FOUND;
    SELECT id INTO locked FROM ticket WHERE lane = best.lane AND state = 'waiting'
      ORDER BY score LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF FOUND THEN RETURN offer(a, locked, now); END IF;
  END LOOP;
  UPDATE agent SET state = 'idle', since = now WHERE id = a;
  RETURN NULL;
END $$;

-- As the textbook has it: filter, order, limit 1, skip what others hold.
CREATE FUNCTION next_textbook(a text, now float8) RETURNS text LANGUAGE plpgsql AS $$
DECLARE me agent; locked text;
BEGIN
  SELECT * INTO me FROM agent WHERE id = a FOR UPDATE;
  SELECT t.id INTO locked
    FROM ticket t JOIN lane l ON l.id = t.lane JOIN ring r ON r.helping = me.district AND r.home = l.district
    WHERE t.state = 'waiting' AND l.skill = ANY (me.skills) AND l.language = ANY (me.languages)
      AND t.score + r.opening <= now
    ORDER BY t.score + r.opening LIMIT 1 FOR UPDATE OF t SKIP LOCKED;
  IF FOUND THEN RETURN offer(a, locked, now); END IF;
  UPDATE agent SET state = 'idle', since = now WHERE id = a;
  RETURN NULL;
END $$;

CREATE FUNCTION accept(a text, t text, e int, now float8) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE ticket SET state = 'serving', expires = NULL
    WHERE id = t AND epoch = e AND agent = a AND state = 'offered' AND expires > now;
  IF NOT FOUND THEN RETURN false; END IF;
  UPDATE agent SET state = 'in_call', since = now, lease = now + 6 WHERE id = a;
  INSERT INTO news (kind, at, ticket, agent, epoch) VALUES ('offer.accepted', now, t, a, e),
    ('agent.busy', now, t, a, e);
  RETURN true;
END $$;
