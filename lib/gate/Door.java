package lakehouse.gate;

import java.lang.reflect.Field;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.hive.service.auth.TSetIpAddressProcessor;
import org.apache.hive.service.cli.CLIService;
import org.apache.hive.service.cli.HiveSQLException;
import org.apache.hive.service.cli.session.HiveSession;
import org.apache.hive.service.cli.session.SessionManager;
import org.apache.hive.service.cli.thrift.ThriftBinaryCLIService;
import org.apache.hive.service.rpc.thrift.TExecuteStatementReq;
import org.apache.hive.service.rpc.thrift.TExecuteStatementResp;
import org.apache.hive.service.rpc.thrift.TFetchResultsReq;
import org.apache.hive.service.rpc.thrift.TFetchResultsResp;
import org.apache.hive.service.rpc.thrift.TGetOperationStatusReq;
import org.apache.hive.service.rpc.thrift.TGetOperationStatusResp;
import org.apache.hive.service.rpc.thrift.TOpenSessionReq;
import org.apache.hive.service.rpc.thrift.TOpenSessionResp;
import org.apache.hive.service.rpc.thrift.TStatus;
import org.apache.thrift.TException;

/** Opens sessions: of known users only, so many of each, and without the settings that a client sends along. */
final class Door extends ThriftBinaryCLIService {
  private static final String DATABASE = "use:database";
  private static final String PROXY = "hive.server2.proxy.user";
  private static final int SERVICE_FACTOR = 10; // it opens the sessions of many people

  private final SessionManager manager;
  private final int limit;

  Door(CLIService service, int limit) {
    super(service);
    this.manager = service.getSessionManager();
    this.limit = limit;
  }

  @Override
  public TOpenSessionResp OpenSession(TOpenSessionReq request) throws TException {
    String login = TSetIpAddressProcessor.getUserName();
    try {
      Map<String, String> settings = kept(request.getConfiguration());
      admit(Accounts.find(login), settings.getOrDefault(PROXY, login));
      request.setConfiguration(settings);
      TOpenSessionResp response = super.OpenSession(request);
      shorten(response.getStatus());
      return response;
    } catch (Refused refused) {
      Journal.line("refused to open a session: " + refused.kind + " user=" + (Accounts.find(login) == null ? "-" : login));
      TOpenSessionResp response = new TOpenSessionResp();
      response.setStatus(HiveSQLException.toTStatus(new HiveSQLException(refused.getMessage())));
      return response;
    }
  }

  // What clients are told of errors: Spark's own texts end with the plan, which shows the views' filters and paths.

  @Override
  public TExecuteStatementResp ExecuteStatement(TExecuteStatementReq request) throws TException {
    TExecuteStatementResp response = super.ExecuteStatement(request);
    shorten(response.getStatus());
    return response;
  }

  @Override
  public TGetOperationStatusResp GetOperationStatus(TGetOperationStatusReq request) throws TException {
    TGetOperationStatusResp response = super.GetOperationStatus(request);
    shorten(response.getStatus());
    response.setErrorMessage(shortened(response.getErrorMessage()));
    return response;
  }

  @Override
  public TFetchResultsResp FetchResults(TFetchResultsReq request) throws TException {
    TFetchResultsResp response = super.FetchResults(request);
    shorten(response.getStatus());
    return response;
  }

  private static void shorten(TStatus status) {
    status.setErrorMessage(shortened(status.getErrorMessage()));
    status.setInfoMessages(null);
  }

  /** The first line that says something, without paths. */
  private static String shortened(String message) {
    if (message == null) {
      return null;
    }
    String text = message.replaceFirst("^Error running query: (\\[[\\w.]+\\] )?([\\w$]+\\.[\\w.$]+: )?\\s*", "");
    return text.lines().findFirst().orElse("").replaceAll("\\S*/\\S*/\\S*", "...");
  }

  /** Whether the login may act for another is for {@link Impersonation} to say. */
  private void admit(Accounts.Account login, String user) {
    if (login == null || Accounts.find(user) == null) {
      throw new Refused("this user", null);
    }
    int most = login.isService() && login.name().equals(user) ? limit * SERVICE_FACTOR : limit;
    if (open().stream().filter(session -> user.equals(session.getUserName())).count() >= most) {
      throw new Refused("more than " + most + " sessions of one user", null);
    }
  }

  /** Of a client's settings two count. What is Hive's or the driver's own is dropped, the rest refused. */
  private static Map<String, String> kept(Map<String, String> settings) {
    Map<String, String> kept = new HashMap<>();
    (settings == null ? Map.<String, String>of() : settings)
        .forEach(
            (name, value) -> {
              if (name.equals(PROXY) || name.equals(DATABASE) && value != null && value.matches("[A-Za-z0-9_]+")) {
                kept.put(name, value);
              } else if (!name.matches("(set:hiveconf:)?hive\\..*|set:hivevar:.*|spark\\.thriftserver\\..*")) {
                throw new Refused("the session setting", name);
              }
            });
    return kept;
  }

  /** End the sessions of users who are no longer known. */
  void sweep() {
    for (HiveSession session : List.copyOf(open())) {
      if (Accounts.find(session.getUserName()) == null) {
        try {
          manager.closeSession(session.getSessionHandle());
        } catch (HiveSQLException closed) {
          continue; // by its client, meanwhile
        }
      }
    }
  }

  @SuppressWarnings("unchecked")
  private Collection<HiveSession> open() {
    try {
      Field field = SessionManager.class.getDeclaredField("handleToSession");
      field.setAccessible(true);
      return ((Map<?, HiveSession>) field.get(manager)).values();
    } catch (ReflectiveOperationException changed) {
      throw new IllegalStateException(changed);
    }
  }
}
