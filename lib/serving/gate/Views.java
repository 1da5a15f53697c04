package lakehouse.gate;

import java.util.Locale;
import java.util.Map;
import java.util.Set;
import scala.collection.immutable.Seq;

/** The existing names: databases and their views. All other names are refused before they are looked up. */
final class Views {
  private static final String CATALOG = "spark_catalog";
  private static volatile Map<String, Set<String>> known = Map.of();

  private Views() {}

  static void are(Map<String, Set<String>> databases) {
    known = Map.copyOf(databases);
  }

  /** A name of one part can only be a view of the session's database or a query of the same statement. */
  static void check(Seq<String> name) {
    int parts = name.size();
    boolean served =
        parts == 1
            || parts == 2 && serves(name.apply(0), name.apply(1))
            || parts == 3 && CATALOG.equalsIgnoreCase(name.apply(0)) && serves(name.apply(1), name.apply(2));
    if (!served) {
      throw new Refused("the table", name.mkString("."));
    }
  }

  static void checkDatabase(Seq<String> name) {
    int parts = name.size();
    boolean served =
        parts == 0
            || parts == 1 && isDatabase(name.apply(0))
            || parts == 2 && CATALOG.equalsIgnoreCase(name.apply(0)) && isDatabase(name.apply(1));
    if (!served) {
      throw new Refused("the database", name.mkString("."));
    }
  }

  private static boolean isDatabase(String name) {
    String database = name.toLowerCase(Locale.ROOT);
    return database.equals("default") || known.containsKey(database);
  }

  private static boolean serves(String database, String view) {
    return known.getOrDefault(database.toLowerCase(Locale.ROOT), Set.of()).contains(view.toLowerCase(Locale.ROOT));
  }
}
