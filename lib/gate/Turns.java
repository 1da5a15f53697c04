package lakehouse.gate;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** So many statements of one user run at once; the others of that user wait, and nobody else does. */
final class Turns {
  private static final int AT_ONCE = 4;
  private static final int WAITING = 40;
  private static final long PATIENCE = TimeUnit.SECONDS.toNanos(45);
  private static final int LOOK_MS = 20;

  private static final class Of {
    private int starting;
    private int waiting;
    private final List<BooleanSupplier> running = new ArrayList<>();
  }

  private final Map<String, Of> users = new HashMap<>();

  /** Waits for a turn; throws {@link Refused} if none comes. What it gives is handed back to {@link #started}. */
  synchronized void await(String user) {
    Of own = users.computeIfAbsent(user, first -> new Of());
    long until = System.nanoTime() + PATIENCE;
    Text.atMost(WAITING, own.waiting + 1, "more than " + WAITING + " statements of one user that wait");
    own.waiting++;
    try {
      while (own.starting + running(own) >= AT_ONCE) {
        Text.atMost(until, System.nanoTime(), "more than " + AT_ONCE + " statements of one user at once");
        wait(LOOK_MS);
      }
      own.starting++;
    } catch (InterruptedException gone) {
      Thread.currentThread().interrupt();
      throw new Refused("a statement whose client has gone", null);
    } finally {
      own.waiting--;
    }
  }

  private static int running(Of own) {
    own.running.removeIf(going -> !going.getAsBoolean());
    return own.running.size();
  }

  /** It has ended, or goes on for as long as `going` says. */
  synchronized void started(String user, BooleanSupplier going) {
    Of own = users.get(user);
    own.starting--;
    own.running.add(going);
    notifyAll();
  }
}
