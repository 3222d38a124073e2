import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.BaseTable;
import org.apache.iceberg.StaticTableOperations;
import org.apache.iceberg.Table;
import org.apache.iceberg.data.IcebergGenerics;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.hadoop.HadoopFileIO;
import org.apache.iceberg.io.CloseableIterable;

/**
 * Prints the rows of an Iceberg table as Iceberg's own library reads them, with all deletes applied:
 * a JSON array of values on each line. Run from source: java -cp 'JARS/*' IcebergReader.java METADATA.json
 */
public class IcebergReader {
  public static void main(String[] arguments) throws Exception {
    Table table = new BaseTable(
        new StaticTableOperations(arguments[0], new HadoopFileIO(new Configuration())), "table");
    ObjectMapper json = new ObjectMapper();
    try (CloseableIterable<Record> rows = IcebergGenerics.read(table).build()) {
      for (Record row : rows) {
        List<Object> values = new ArrayList<>();
        for (int i = 0; i < row.size(); ++i) {
          Object value = row.get(i);
          boolean plain = value == null || value instanceof Number || value instanceof Boolean;
          values.add(plain ? value : value.toString());
        }
        System.out.println(json.writeValueAsString(values));
      }
    }
  }
}
