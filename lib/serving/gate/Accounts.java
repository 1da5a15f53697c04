package lakehouse.gate;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.HashMap;
import java.util.Map;

/**
 * The users who may log in: the file of the job `endpoint_user`, one line a user, `name:role:secret`. It is read again
 * whenever it has changed. While it cannot be read, nobody may log in.
 */
final class Accounts {
  static final String SERVICE = "service";

  record Account(String name, String role, String secret) {
    /** Whether it may act for others. It reads nothing itself. */
    boolean isService() {
      return role.equals(SERVICE);
    }
  }

  private static volatile Path file;
  private static FileTime readAt;
  private static Map<String, Account> known = Map.of();

  private Accounts() {}

  static void from(String path) {
    file = Path.of(path);
  }

  static synchronized Account find(String name) {
    try {
      FileTime changed = Files.getLastModifiedTime(file);
      if (!changed.equals(readAt)) {
        known = read();
        readAt = changed;
      }
    } catch (IOException | RuntimeException unreadable) {
      known = Map.of();
      readAt = null;
    }
    return name == null ? null : known.get(name);
  }

  private static Map<String, Account> read() {
    Map<String, Account> accounts = new HashMap<>();
    try {
      for (String line : Files.readAllLines(file)) {
        String[] parts = line.split(":", 3);
        if (parts.length == 3 && !line.startsWith("#")) {
          accounts.put(parts[0], new Account(parts[0], parts[1], parts[2]));
        }
      }
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
    return accounts;
  }
}
