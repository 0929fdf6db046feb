/* How one tenant moves between two placements: 0016-move.md. tools/check-model checks this file, and that each of
 * the mistakes at its end is found.
 *
 * Two placements (0 and 1), each in a database of its own; the catalog; movers, of which each may die at any step, be slow, or
 * be taken for dead; writers and readers with views of the catalog that are as old as you like. A transaction is an atomic step;
 * all that lies between two of them is a step of its own. */

#ifndef MOVERS
#define MOVERS 3
#endif
#ifndef ATTEMPTS
#define ATTEMPTS 4
#endif
#ifndef DEATHS
#define DEATHS 2
#endif
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef WRITES
#define WRITES 1
#endif
#ifndef READS
#define READS 1
#endif

/* Durable in each placement's database. */
typedef Placement {
  bool resident;      /* bulkhead.residency has a row of the tenant's: reads bind */
  bool writable;      /* and so do writes */
  byte epoch;
  byte generation;    /* of the attempt that may change the row: a later one has the word from the time it says so */
  byte rows;          /* how many of the tenant's writes are in its tables */
  byte readers_lock;  /* lock_tenant(), shared: transactions of writers that are under way */
  byte movers_lock;   /* the same, exclusive, by a session: the mover's number, 0: nobody */
};
Placement at[2];

/* Durable in the catalog. */
byte home = 0, home_epoch = 1;
byte from = 0, to = 1, attempt = 0;
bool under_way = true;

/* What the clients know. */
byte acknowledged = 0;
byte deaths = 0, ended = 0;

/* A tenant has one writable home, or none. */
#define ONE_HOME assert(!(at[0].resident && at[0].writable && at[1].resident && at[1].writable))

active [WRITERS] proctype Writer() {
  byte place, epoch, written = 0;
  bool bound;
  place = home; epoch = home_epoch;
  do
  :: written == WRITES -> break
  :: written < WRITES ->
     /* The lock comes first, in a statement of its own; the bind's snapshot is taken after it was granted. */
#ifndef MISTAKE_NO_LOCK
     atomic { at[place].movers_lock == 0 -> at[place].readers_lock++ }
#endif
     atomic { bound = at[place].resident && at[place].epoch == epoch && at[place].writable }
     if
     :: bound ->
        atomic {
          at[place].rows++; acknowledged++; written++;
          /* Nothing acknowledged is missing here, and nothing is here twice. */
          assert(at[place].rows == acknowledged);
#ifndef MISTAKE_NO_LOCK
          at[place].readers_lock--
#endif
        }
     :: else ->
#ifndef MISTAKE_NO_LOCK
        at[place].readers_lock--;
#endif
        /* Where no writer can bind, one that waits for good is not what is looked for here. */
        if
        :: ended == MOVERS && (place == home && epoch == home_epoch) -> break
        :: else -> atomic { place = home; epoch = home_epoch }
        fi
     fi
  od
}

active proctype Reader() {
  byte place, epoch, reads = 0;
  place = home; epoch = home_epoch;
  do
  :: reads == READS -> break
  :: reads < READS ->
     atomic {
       if
       :: at[place].resident && at[place].epoch == epoch ->
          /* A read sees all that was acknowledged before it. */
          assert(at[place].rows == acknowledged);
          reads++
       :: else -> place = home; epoch = home_epoch; reads++
       fi
     }
  od
}

/* The end of a connection that its owner does not know of: the lock is gone, and the mover goes on. */
active proctype Network() {
  if
  :: at[from].movers_lock != 0 -> at[from].movers_lock = 0
  :: skip
  fi
}

#define MAY_DIE if :: deaths < DEATHS -> atomic { deaths++; died = true }; goto end :: skip fi
/* At a placement only the latest attempt that has said so may change anything. */
#ifndef MISTAKE_NO_GENERATION
#define MINE(p) (at[p].generation == mine)
#else
#define MINE(p) true
#endif

proctype Mover(byte me) {
  byte mine, snapshot;
  bool fenced, there, died = false;

again:
  /* The lease: nothing but a hint that nobody else is at work. */
  atomic {
    if
    :: under_way && attempt < ATTEMPTS -> attempt++; mine = attempt
    :: else -> goto end
    fi
  }
  MAY_DIE;
  /* The word is taken first where the tenant is to live: whoever had it before cannot let it in there any more. */
  atomic { if :: at[to].generation < mine -> at[to].generation = mine :: else -> goto end fi }
  MAY_DIE;
  atomic { if :: at[from].generation < mine -> at[from].generation = mine :: else -> goto end fi }
  MAY_DIE;
  /* How far did they come? Nobody but this attempt changes it from here on. */
  atomic { if :: MINE(to) -> there = at[to].resident :: else -> goto end fi }
  if :: there -> goto forward :: else -> skip fi;
  atomic { if :: MINE(from) -> fenced = !at[from].writable :: else -> goto end fi }
  if
  :: fenced -> goto back      /* A move that was fenced and did not arrive is taken back, and may be tried again. */
  :: else -> skip
  fi;

  /* Copy and catch up. What is read of the source may be old when it is written at the target. */
  snapshot = at[from].rows;
  atomic { if :: MINE(to) -> at[to].rows = snapshot :: else -> goto end fi }
  MAY_DIE;

  /* Lock, then fence: who holds the lock has seen the last writer's commit. */
#ifndef MISTAKE_NO_LOCK
  atomic { at[from].readers_lock == 0 && at[from].movers_lock == 0 -> at[from].movers_lock = me }
  MAY_DIE;
  atomic {
    if
    :: MINE(from) && at[from].movers_lock == me -> at[from].writable = false
    :: else -> goto end
    fi
  }
#else
  atomic { if :: MINE(from) -> at[from].writable = false :: else -> goto end fi }
#endif
  MAY_DIE;

  /* The rest of the journal, up to the fence; then both sides are compared. */
#ifndef MISTAKE_NO_REST
  snapshot = at[from].rows;
  atomic { if :: MINE(to) -> at[to].rows = snapshot :: else -> goto end fi }
  MAY_DIE;
  if
  :: skip
  :: goto back                /* They differ, or it takes too long. */
  fi;
#endif

  /* The commit of the move. */
  atomic {
    if
    :: MINE(to) -> at[to].resident = true; at[to].writable = true; at[to].epoch = home_epoch + 1; ONE_HOME
    :: else -> goto end
    fi
  }
  MAY_DIE;

forward:
#ifdef MISTAKE_SWITCH_FIRST
  atomic { if :: attempt == mine && under_way -> home = to; home_epoch = at[to].epoch :: else -> goto end fi }
  MAY_DIE;
#endif
  /* Reads leave the source before anybody is told of the target. */
  atomic { if :: MINE(from) -> at[from].resident = false :: else -> goto end fi }
  MAY_DIE;
  atomic {
    if
    :: attempt == mine && under_way -> home = to; home_epoch = at[to].epoch; under_way = false
    :: else -> goto end
    fi
  }
  goto end;

back:
  /* Nobody but this attempt could let the tenant in at the target, and it does not. */
  atomic {
    if
    :: MINE(from) -> at[from].writable = true; ONE_HOME
    :: else -> goto end
    fi
  }
  MAY_DIE;
  /* The operation has failed, or the same mover tries again: with another attempt, since its lock has gone meanwhile. */
  atomic {
    if :: at[from].movers_lock == me -> at[from].movers_lock = 0 :: else -> skip fi
  }
  if
  :: attempt < ATTEMPTS -> goto again
  :: atomic { if :: attempt == mine && under_way -> under_way = false :: else -> skip fi }
  fi;

end:
  /* Its connections end with it, and with them its lock. */
  atomic {
    if :: at[from].movers_lock == me -> at[from].movers_lock = 0 :: else -> skip fi;
    ended++
  }
}

init {
  atomic {
    at[0].resident = true; at[0].writable = true; at[0].epoch = 1;
    byte i = 1;
    do :: i <= MOVERS -> run Mover(i); i++ :: else -> break od
  }
  ended == MOVERS;
  /* One mover more than can die, or was superseded, has come to an end: the tenant has its home. */
  if
  :: !under_way -> assert(at[home].resident && at[home].writable && at[home].epoch == home_epoch && at[home].rows == acknowledged)
  :: else -> skip
  fi
}
