package lakehouse.gate;

import java.io.IOException;
import java.lang.reflect.Field;
import java.net.InetSocketAddress;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import javax.security.auth.login.LoginException;
import org.apache.hadoop.hive.conf.HiveConf.ConfVars;
import org.apache.hive.service.ServiceException;
import org.apache.hive.service.auth.HiveAuthFactory;
import org.apache.hive.service.auth.TSetIpAddressProcessor;
import org.apache.hive.service.cli.CLIService;
import org.apache.hive.service.cli.HiveSQLException;
import org.apache.hive.service.cli.OperationHandle;
import org.apache.hive.service.cli.SessionHandle;
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
import org.apache.hive.service.server.ThreadFactoryWithGarbageCleanup;
import org.apache.thrift.TException;
import org.apache.thrift.protocol.TBinaryProtocol;
import org.apache.thrift.server.TThreadPoolServer;
import org.apache.thrift.transport.TTransportException;

/** Opens sessions: only for known users, a limited number for each, and without the settings that a client sends. */
final class Door extends ThriftBinaryCLIService {
  private static final String DATABASE = "use:database";
  private static final String PROXY = "hive.server2.proxy.user";
  private static final int SERVICE_FACTOR = 10; // it opens the sessions of many people

  private static final int CONNECTIONS = 2; // for each session that a user may have
  private static final int TICK_MS = 1000;

  private final CLIService service;
  private final SessionManager manager;
  private final int limit;
  private final Turns turns = new Turns();
  private Hall hall;

  Door(CLIService service, int limit) {
    super(service);
    this.service = service;
    this.manager = service.getSessionManager();
    this.limit = limit;
  }

  /** Like Hive, but with our own {@link Hall} for clients that have not logged in yet. */
  @Override
  protected void initializeServer() {
    try {
      hall = new Hall(new InetSocketAddress(hiveHost, portNum));
      hiveAuthFactory = new HiveAuthFactory(hiveConf);
      int largest = hiveConf.getIntVar(ConfVars.HIVE_SERVER2_THRIFT_MAX_MESSAGE_SIZE);
      TThreadPoolServer.Args parts = new TThreadPoolServer.Args(hall);
      parts.processorFactory(hiveAuthFactory.getAuthProcFactory(this));
      parts.transportFactory(hall.new Entrance(hiveAuthFactory.getAuthTransFactory(), this::connections));
      parts.protocolFactory(new TBinaryProtocol.Factory());
      parts.inputProtocolFactory(new TBinaryProtocol.Factory(true, true, largest, largest));
      server = new TThreadPoolServer(parts.executorService(handlers()));
      server.setServerEventHandler(serverEventHandler);
    } catch (TTransportException | LoginException | IOException failed) {
      throw new ServiceException("The port cannot be opened.", failed);
    }
    Thread watch = new Thread(this::endThoseWhoHaveGone, "clients that have gone");
    watch.setDaemon(true);
    watch.start();
  }

  private ExecutorService handlers() {
    return new ThreadPoolExecutor(
        minWorkerThreads,
        maxWorkerThreads,
        workerKeepAliveTime,
        TimeUnit.SECONDS,
        new SynchronousQueue<>(),
        new ThreadFactoryWithGarbageCleanup("HiveServer2-Handler-Pool"));
  }

  private int connections(String user) {
    Accounts.Account account = Accounts.find(user);
    return CONNECTIONS * limit * (account != null && account.isService() ? SERVICE_FACTOR : 1);
  }

  private void endThoseWhoHaveGone() {
    try {
      while (true) {
        Thread.sleep(TICK_MS);
        hall.inside().stream().filter(Visitor::hasGone).toList().forEach(this::end);
      }
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
    }
  }

  private void end(Visitor visitor) {
    visitor.endStatement();
    visitor.sessions.forEach(this::close);
    visitor.close();
  }

  private void close(SessionHandle session) {
    try {
      manager.closeSession(session);
    } catch (HiveSQLException | RuntimeException closed) {
      return; // its own thread has closed it meanwhile
    }
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
      if (response.getSessionHandle() != null && Visitor.here() != null) {
        Visitor.here().sessions.add(new SessionHandle(response.getSessionHandle(), response.getServerProtocolVersion()));
      }
      return response;
    } catch (Refused refused) {
      Journal.line("refused to open a session: " + refused.kind + " user=" + (Accounts.find(login) == null ? "-" : login));
      TOpenSessionResp response = new TOpenSessionResp();
      response.setStatus(HiveSQLException.toTStatus(new HiveSQLException(refused.getMessage())));
      return response;
    }
  }

  // Error messages for clients: Spark's own texts end with the plan, which shows the views' filters and paths.

  @Override
  public TExecuteStatementResp ExecuteStatement(TExecuteStatementReq request) throws TException {
    String user = TSetIpAddressProcessor.getUserName();
    try {
      user = manager.getSession(new SessionHandle(request.getSessionHandle())).getUserName();
      turns.await(user);
    } catch (Refused | HiveSQLException refused) {
      return failed(refused);
    }
    TExecuteStatementResp response = null;
    long began = System.nanoTime();
    try {
      response = super.ExecuteStatement(request);
      shorten(response.getStatus());
      return response;
    } finally {
      Deadline.over();
      turns.started(user, runs(response), System.nanoTime() - began);
    }
  }

  private static TExecuteStatementResp failed(Exception refused) {
    TExecuteStatementResp response = new TExecuteStatementResp();
    response.setStatus(HiveSQLException.toTStatus(new HiveSQLException(refused.getMessage())));
    return response;
  }

  /** Whether the background operation still runs. */
  private BooleanSupplier runs(TExecuteStatementResp response) {
    if (response == null || response.getOperationHandle() == null) {
      return () -> false;
    }
    OperationHandle handle = new OperationHandle(response.getOperationHandle());
    return () -> {
      try {
        return !manager.getOperationManager().getOperation(handle).getStatus().getState().isTerminal();
      } catch (HiveSQLException closed) {
        return false;
      }
    };
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

  /** The first line with content, without paths. */
  private static String shortened(String message) {
    if (message == null) {
      return null;
    }
    String text = message.replaceFirst("^Error running query: (\\[[\\w.]+\\] )?([\\w$]+\\.[\\w.$]+: )?\\s*", "");
    return text.lines().findFirst().orElse("").replaceAll("\\S*/\\S*/\\S*", "...");
  }

  /** {@link Impersonation} decides whether the login may act for another user. */
  private void admit(Accounts.Account login, String user) {
    if (login == null || Accounts.find(user) == null) {
      throw new Refused("this user", null);
    }
    int most = login.isService() && login.name().equals(user) ? limit * SERVICE_FACTOR : limit;
    if (open().stream().filter(session -> user.equals(session.getUserName())).count() >= most) {
      throw new Refused("more than " + most + " sessions of one user", null);
    }
  }

  /** Two of a client's settings are used. Hive's and the driver's own are ignored; all others are refused. */
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
          continue; // its client has closed it meanwhile
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
