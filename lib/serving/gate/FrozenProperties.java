package lakehouse.gate;

import java.util.Map;
import java.util.Properties;

/**
 * System properties that no client can change. Spark's Hive sessions write a client's `set:system:NAME` directly into
 * the properties of the process. Without this class, a client could switch authentication off for everybody.
 */
final class FrozenProperties extends Properties {
  private static final long serialVersionUID = 1L;
  private static final String SESSIONS = "org.apache.hive.service.cli.";

  private FrozenProperties() {}

  static void freeze() {
    Properties present = System.getProperties();
    if (!(present instanceof FrozenProperties)) {
      FrozenProperties frozen = new FrozenProperties();
      frozen.putAll(present);
      System.setProperties(frozen);
    }
  }

  private static void check() {
    boolean client =
        StackWalker.getInstance().walk(frames -> frames.anyMatch(f -> f.getClassName().startsWith(SESSIONS)));
    if (client) {
      throw new Refused("a system property", null);
    }
  }

  @Override
  public synchronized Object setProperty(String name, String value) {
    check();
    return super.setProperty(name, value);
  }

  @Override
  public synchronized Object put(Object name, Object value) {
    check();
    return super.put(name, value);
  }

  @Override
  public synchronized void putAll(Map<?, ?> entries) {
    check();
    super.putAll(entries);
  }

  @Override
  public synchronized Object remove(Object name) {
    check();
    return super.remove(name);
  }

  @Override
  public synchronized void clear() {
    check();
    super.clear();
  }
}
