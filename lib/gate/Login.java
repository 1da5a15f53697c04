package lakehouse.gate;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import javax.crypto.Mac;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.SecretKeySpec;
import javax.security.sasl.AuthenticationException;
import org.apache.hive.service.auth.AuthenticationProviderFactory;
import org.apache.hive.service.auth.AuthenticationProviderFactory.AuthMethods;
import org.apache.hive.service.auth.PasswdAuthenticationProvider;

/** Checks name and password against {@link Accounts}: a salted PBKDF2 hash, or the company's LDAP server. */
public final class Login implements PasswdAuthenticationProvider {
  private static final String LDAP = "ldap";
  // Of a password that nobody has: an unknown name takes as long as a wrong password.
  private static final String NOBODY = "pbkdf2-sha512:210000:" + "00".repeat(16) + ":" + "00".repeat(32);
  private static final String UNKNOWN = "?"; // all names that nobody has count as one
  // A slow hash is work for the server too: one at a time for each address, and the addresses take turns.
  private static final Semaphore HASHING = new Semaphore(1, true);
  private static final Map<String, Semaphore> ADDRESSES = new ConcurrentHashMap<>();
  private static final int PATIENCE_SECONDS = 8; // before a login's own time is over
  private static final int QUEUE = 16;
  // Who is refused unseen hears it no sooner than who is refused after a look.
  private static final int UNSEEN_MS = 500;
  private static final Semaphore UNSEEN = new Semaphore(32);
  private static final Attempts ATTEMPTS = new Attempts();
  // Clients connect often. What was proved once is remembered under a key that this process alone has.
  private static final byte[] KEY = new byte[32];
  private static final Map<String, byte[]> PROVED = new ConcurrentHashMap<>();

  static {
    new SecureRandom().nextBytes(KEY);
  }

  @Override
  public void Authenticate(String name, String password) throws AuthenticationException {
    Accounts.Account account = Accounts.find(name);
    String counted = account == null ? UNKNOWN : account.name();
    String address = Visitor.address();
    if (Visitor.here() != null) {
      Visitor.here().asks();
    }
    if (!mayTry(account, counted, address)) {
      pause(UNSEEN_MS);
      throw new AuthenticationException("Too many wrong passwords. Try again later.");
    }
    if (proves(account, password == null ? "" : password, address)) {
      ATTEMPTS.right(counted, address, System.nanoTime());
      return;
    }
    int seconds = ATTEMPTS.wrong(counted, address, System.nanoTime());
    String blocked = seconds == 0 ? "" : ", blocked for " + seconds + " s at this address,";
    Journal.line("refused a login" + blocked + " user=" + (account == null ? "unknown" : account.name()));
    throw new AuthenticationException("Name or password is wrong.");
  }

  private static boolean mayTry(Accounts.Account account, String counted, String address) {
    long now = System.nanoTime();
    return account == null ? !ATTEMPTS.isSlow(address, now) : !ATTEMPTS.isBlocked(counted, address, now);
  }

  private static void pause(long milliseconds) {
    if (UNSEEN.tryAcquire()) {
      try {
        Thread.sleep(milliseconds);
      } catch (InterruptedException stopped) {
        Thread.currentThread().interrupt();
      } finally {
        UNSEEN.release();
      }
    }
  }

  private static boolean proves(Accounts.Account account, String password, String address) {
    try {
      if (account == null) {
        return hashes(NOBODY, password, address) && false;
      }
      if (password.isEmpty()) {
        return false;
      }
      byte[] proof = proof(account, password);
      if (!account.secret().equals(LDAP) && MessageDigest.isEqual(proof, PROVED.get(account.name()))) {
        return true;
      }
      if (!waits(account.name(), address)) {
        return false;
      }
      if (account.secret().equals(LDAP)) {
        AuthenticationProviderFactory.getAuthenticationProvider(AuthMethods.LDAP)
            .Authenticate(account.name(), password);
        return true;
      }
      boolean right = hashes(account.secret(), password, address);
      if (right) {
        PROVED.put(account.name(), proof);
      }
      return right;
    } catch (GeneralSecurityException | AuthenticationException | RuntimeException unusable) {
      return false;
    }
  }

  /** Waits for a turn where much was wrong before; whether there is one soon enough. */
  private static boolean waits(String account, String address) {
    long nanos = ATTEMPTS.turn(account, address, System.nanoTime());
    try {
      TimeUnit.NANOSECONDS.sleep(Math.max(0, nanos));
      return nanos >= 0;
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** Whether the password is that of the secret, once it is this address's turn. */
  private static boolean hashes(String secret, String password, String address) throws GeneralSecurityException {
    Semaphore own = ADDRESSES.computeIfAbsent(address, first -> new Semaphore(1, true));
    try {
      if (own.getQueueLength() >= QUEUE || !own.tryAcquire(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        return false;
      }
      try {
        return matches(secret, password);
      } finally {
        own.release();
      }
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private static byte[] proof(Accounts.Account account, String password) throws GeneralSecurityException {
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(KEY, "HmacSHA256"));
    return mac.doFinal((account.name() + "\0" + account.secret() + "\0" + password).getBytes(StandardCharsets.UTF_8));
  }

  private static boolean matches(String secret, String password)
      throws GeneralSecurityException, InterruptedException {
    String[] parts = secret.split(":"); // pbkdf2-sha512:iterations:salt:hash
    byte[] salt = HexFormat.of().parseHex(parts[2]);
    byte[] expected = HexFormat.of().parseHex(parts[3]);
    char[] letters = password.toCharArray();
    HASHING.acquire();
    try {
      PBEKeySpec spec = new PBEKeySpec(letters, salt, Integer.parseInt(parts[1]), expected.length * 8);
      byte[] actual = SecretKeyFactory.getInstance("PBKDF2WithHmacSHA512").generateSecret(spec).getEncoded();
      return parts[0].equals("pbkdf2-sha512") && MessageDigest.isEqual(actual, expected);
    } finally {
      HASHING.release();
      Arrays.fill(letters, ' ');
    }
  }
}
