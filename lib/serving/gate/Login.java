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
import java.util.function.BooleanSupplier;
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
  // The hash of a password that nobody has: an unknown name takes as long as a wrong password.
  private static final String NOBODY = "pbkdf2-sha512:210000:" + "00".repeat(16) + ":" + "00".repeat(32);
  private static final String UNKNOWN = "?"; // all unknown names are counted together
  // A slow hash is work for the server too: one at a time for each address, and the addresses take turns.
  private static final Semaphore HASHING = new Semaphore(1, true);
  private static final Map<String, Semaphore> ADDRESSES = new ConcurrentHashMap<>();
  private static final int PATIENCE_SECONDS = 30;
  private static final int QUEUE = 32;
  private static final int MOST_ADDRESSES = 10_000;
  // A refusal without a check takes as long as a refusal after a check.
  private static final int UNSEEN_MS = 500;
  private static final Semaphore UNSEEN = new Semaphore(32);
  private static final Attempts ATTEMPTS = new Attempts();
  // Clients connect often. A password that was right once is remembered under a key that only this process has.
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
    if (!actsForAll(account, password) && !mayTry(account, counted, address)) {
      pause(UNSEEN_MS);
      throw new AuthenticationException("Too many wrong passwords. Try again later.");
    }
    Answer answer = answer(account, password == null ? "" : password, address);
    if (answer == Answer.RIGHT) {
      ATTEMPTS.right(counted, address, System.nanoTime());
      return;
    }
    String shown = account == null ? "unknown" : account.name();
    if (answer == Answer.UNSEEN) {
      Journal.line("no turn for a login user=" + shown);
      throw new AuthenticationException("Too many logins at once. Try again.");
    }
    int seconds = ATTEMPTS.wrong(counted, address, System.nanoTime());
    String blocked = seconds == 0 ? "" : ", blocked for " + seconds + " s at this address,";
    Journal.line("refused a login" + blocked + " user=" + shown);
    throw new AuthenticationException("Name or password is wrong.");
  }

  /**
   * Whether this is the service account with a password that was right before. Otherwise a neighbour's wrong passwords
   * could block it at a shared address, and with it all users.
   */
  private static boolean actsForAll(Accounts.Account account, String password) {
    try {
      return account != null
          && account.isService()
          && password != null
          && !password.isEmpty()
          && isProved(account, proof(account, password));
    } catch (GeneralSecurityException missing) {
      return false;
    }
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

  private enum Answer {
    RIGHT,
    WRONG,
    UNSEEN; // too many others were waiting: the password was not checked, and nothing is counted

    static Answer of(boolean right) {
      return right ? RIGHT : WRONG;
    }
  }

  private static Answer answer(Accounts.Account account, String password, String address) {
    try {
      if (account == null) {
        Answer of = hashed(NOBODY, password, address, () -> false);
        return of == Answer.RIGHT ? Answer.WRONG : of;
      } else if (password.isEmpty()) {
        return Answer.WRONG;
      } else if (account.secret().equals(LDAP)) {
        return waits(account.name(), address) ? asked(account, password) : Answer.UNSEEN;
      }
      byte[] proof = proof(account, password);
      if (isProved(account, proof)) {
        return Answer.RIGHT;
      } else if (!waits(account.name(), address)) {
        return Answer.UNSEEN;
      }
      Answer answer = hashed(account.secret(), password, address, () -> isProved(account, proof));
      if (answer == Answer.RIGHT) {
        PROVED.put(account.name(), proof);
      }
      return answer;
    } catch (GeneralSecurityException | RuntimeException unusable) {
      return Answer.WRONG;
    }
  }

  private static Answer asked(Accounts.Account account, String password) {
    try {
      AuthenticationProviderFactory.getAuthenticationProvider(AuthMethods.LDAP).Authenticate(account.name(), password);
      return Answer.RIGHT;
    } catch (AuthenticationException no) {
      return Answer.WRONG;
    }
  }

  private static boolean isProved(Accounts.Account account, byte[] proof) {
    return MessageDigest.isEqual(proof, PROVED.get(account.name()));
  }

  /** Waits for a turn after many wrong passwords; returns whether there is one soon enough. */
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

  /** Whether the password matches the secret, once it is this address's turn; meanwhile it may have been proved. */
  private static Answer hashed(String secret, String password, String address, BooleanSupplier proved)
      throws GeneralSecurityException {
    if (ADDRESSES.size() > MOST_ADDRESSES) {
      ADDRESSES.values().removeIf(each -> each.availablePermits() == 1); // none of these is in use
    }
    Semaphore own = ADDRESSES.computeIfAbsent(address, first -> new Semaphore(1, true));
    try {
      if (own.getQueueLength() >= QUEUE || !own.tryAcquire(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        return Answer.UNSEEN;
      }
      try {
        return Answer.of(proved.getAsBoolean() || matches(secret, password));
      } finally {
        own.release();
      }
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
      return Answer.UNSEEN;
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
