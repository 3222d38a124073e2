// Runs an SQL script in Flink several times, each time in a new session of one JVM, by a MiniCluster with parallelism 1.
//
//   java -cp CLASSPATH RunSql SCRIPT TIMES
//
// Prints for each run the seconds since the JVM's start and its CPU seconds, at the run's start and at its end. What
// stands before the first run is the JVM's own start; the first run is that of a cold JVM.
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.api.TableResult;

public class RunSql {
    public static void main(String[] arguments) throws Exception {
        List<String> statements = split(Files.readString(Path.of(arguments[0])));
        for (int run = 0; run < Integer.parseInt(arguments[1]); ++run) {
            double start = seconds();
            double before = cpuSeconds();
            execute(statements);
            System.out.printf("run %.3f %.3f %.3f %.3f%n", start, before, seconds(), cpuSeconds());
        }
        System.out.flush();
        System.exit(0);  // threads of the cluster may still linger
    }

    private static void execute(List<String> statements) throws Exception {
        Configuration configuration = new Configuration();
        configuration.setString("parallelism.default", "1");
        configuration.setString("execution.target", "local");
        TableEnvironment session = TableEnvironment.create(
                EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(configuration).build());
        for (String statement : statements) {
            TableResult result = session.executeSql(statement);
            if (result.getJobClient().isPresent()) {
                result.await();
            }
        }
    }

    // Statements end with a semicolon at the end of a line.
    private static List<String> split(String script) {
        return List.of(script.split(";\\s*(\\n|$)")).stream().filter(text -> !text.isBlank()).toList();
    }

    private static double seconds() {
        return ManagementFactory.getRuntimeMXBean().getUptime() / 1e3;
    }

    private static double cpuSeconds() {
        var system = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        return system.getProcessCpuTime() / 1e9;
    }
}
