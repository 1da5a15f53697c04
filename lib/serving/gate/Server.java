package lakehouse.gate;

import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.hive.conf.HiveConf;
import org.apache.hive.service.CompositeService;
import org.apache.hive.service.Service;
import org.apache.hive.service.cli.CLIService;
import org.apache.hive.service.server.HiveServer2;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.parser.ParseException;
import org.apache.spark.sql.catalyst.parser.ParserInterface;
import org.apache.spark.sql.hive.HiveUtils$;
import org.apache.spark.sql.hive.thriftserver.HiveThriftServer2;
import org.apache.spark.sql.hive.thriftserver.HiveThriftServer2$;
import sun.misc.Signal;

/** Spark's Thrift server with our own login, sessions and impersonation instead of Spark's. */
public final class Server {
  private static final CountDownLatch STOP = new CountDownLatch(1);

  private final HiveThriftServer2 server;
  private final Door door;

  private Server(HiveThriftServer2 server, Door door) {
    this.server = server;
    this.door = door;
  }

  /** Sets the file of the accounts, and lets a signal stop the server instead of the process. */
  public static void prepare(String accounts) {
    Accounts.from(accounts);
    for (String name : new String[] {"TERM", "INT", "HUP"}) {
      Signal.handle(new Signal(name), signal -> STOP.countDown());
    }
  }

  public static void serve(Map<String, Set<String>> views, Map<String, String> bodies) {
    Views.are(views);
    Gate.serve(bodies);
  }

  /** The first statement that wrongly passes. The statements are parsed, never run. */
  public static List<String> selfTest(SparkSession session, List<String> hostile) {
    Journal.quiet(true);
    try {
      ParserInterface parser = session.newSession().sessionState().sqlParser();
      return hostile.stream().filter(statement -> passes(parser, statement)).limit(1).toList();
    } finally {
      Journal.quiet(false);
    }
  }

  private static boolean passes(ParserInterface parser, String statement) {
    try {
      parser.parsePlan(statement);
      return true;
    } catch (Refused refused) {
      return false;
    } catch (ParseException | RuntimeException | StackOverflowError other) {
      return true; // not refused by the gate: the gate may be missing
    }
  }

  /** Waits for this time, or until the process must stop; returns whether it must stop. */
  public static boolean stops(long milliseconds) throws InterruptedException {
    return STOP.await(milliseconds, TimeUnit.MILLISECONDS);
  }

  /** Opens the port. The properties are Hive's own: part of it reads them from the process, part from its HiveConf. */
  public static Server start(
      SparkSession session, Map<String, String> properties, int sessionsPerUser, int secondsPerStatement)
      throws ReflectiveOperationException {
    Deadline.watch(session.sparkContext(), secondsPerStatement);
    properties.forEach(System::setProperty);
    FrozenProperties.freeze();
    HiveThriftServer2$.MODULE$.systemExitOnError().set(false);
    SparkContext context = session.sparkContext();
    HiveConf conf =
        HiveUtils$.MODULE$.newClientForExecution(context.conf(), session.sessionState().newHadoopConf()).conf();
    properties.forEach(conf::set);
    conf.set("hadoop.security.impersonation.provider.class", Impersonation.class.getName());
    HiveThriftServer2 server = new HiveThriftServer2(session);
    Method listen =
        HiveThriftServer2$.class.getDeclaredMethod("createListenerAndUI", HiveThriftServer2.class, SparkContext.class);
    listen.setAccessible(true);
    listen.invoke(HiveThriftServer2$.MODULE$, server, context);
    server.init(conf);
    Door door = replaceDoor(server, conf, sessionsPerUser);
    server.start();
    return new Server(server, door);
  }

  private static Door replaceDoor(HiveThriftServer2 server, HiveConf conf, int sessionsPerUser)
      throws ReflectiveOperationException {
    Door door = new Door((CLIService) field(HiveServer2.class, "cliService").get(server), sessionsPerUser);
    door.init(conf);
    Field present = field(HiveServer2.class, "thriftCLIService");
    method("removeService").invoke(server, present.get(server));
    method("addService").invoke(server, door);
    present.set(server, door);
    return door;
  }

  private static Method method(String name) throws NoSuchMethodException {
    Method method = CompositeService.class.getDeclaredMethod(name, Service.class);
    method.setAccessible(true);
    return method;
  }

  private static Field field(Class<?> type, String name) throws NoSuchFieldException {
    Field field = type.getDeclaredField(name);
    field.setAccessible(true);
    return field;
  }

  public void sweep() {
    door.sweep();
  }

  /** Ends running statements and lets the process end: a connected client's thread would keep it alive. */
  public void stop() {
    Thread main = Thread.getAllStackTraces().keySet().stream().filter(t -> t.getName().equals("main")).findAny().get();
    Thread exit = new Thread(() -> exitAfter(main), "exit after the launcher");
    exit.setDaemon(true);
    exit.start();
    server.stop();
  }

  /** The launcher exits by itself if it has failed; otherwise its thread just ends. */
  private static void exitAfter(Thread main) {
    try {
      main.join();
      System.exit(0);
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
    }
  }
}
